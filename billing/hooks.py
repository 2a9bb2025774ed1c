"""What billing must ask of the floors above it: the roof installs one callable for each question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.models import Workspace


@dataclass(frozen=True, slots=True)
class Burn:
    """What a workspace's running pods draw, in USD an hour, and how many they are."""

    usd_per_hour: Decimal
    running_pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A step of the low-balance ladder: ``at`` is None while nothing is drawn, then ``after`` says when it would come.

    ``state`` is done or waiting.
    """

    label: str
    at: datetime | None
    after: str
    detail: str
    state: str


def _nobody_listens(*_: object) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The questions; see `install`."""

    burn_of: Callable[[Workspace], Burn]
    subject_url: Callable[[str, UUID], str]
    ladder_of: Callable[[Workspace, datetime], Sequence[Rung]]
    open_alert: Callable[[str, str, datetime], None] = _nobody_listens
    close_alert: Callable[[str, datetime], None] = _nobody_listens


def _nothing_runs(workspace: Workspace) -> Burn:
    return Burn(usd_per_hour=Decimal(0), running_pods=0)


def _no_page(kind: str, subject_id: UUID) -> str:
    return ""


def _no_ladder(workspace: Workspace, now: datetime) -> Sequence[Rung]:
    return ()


_installed: list[Hooks] = [Hooks(burn_of=_nothing_runs, subject_url=_no_page, ladder_of=_no_ladder)]


def install(hooks: Hooks) -> None:
    """Let the roof answer: what pods draw, where the page of a subject such as ``pod`` is ("" for none), what comes next."""
    _installed[:] = [hooks]


def burn_of(workspace: Workspace) -> Burn:
    """Give what a workspace spends now."""
    return _installed[0].burn_of(workspace)


def ladder_of(workspace: Workspace, *, now: datetime) -> Sequence[Rung]:
    """Say what happens, and when, if nothing is paid in."""
    return _installed[0].ladder_of(workspace, now)


def subject_url(kind: str, subject_id: UUID) -> str:
    """Give the page of what an entry is about, or nothing."""
    return _installed[0].subject_url(kind, subject_id)


def open_alert(kind: str, detail: str, *, now: datetime) -> None:
    """Tell operators that something is wrong; once, until it is closed."""
    _installed[0].open_alert(kind, detail, now)


def close_alert(kind: str, *, now: datetime) -> None:
    """Tell operators that it is over; nothing happens where it was not open."""
    _installed[0].close_alert(kind, now)
