"""What billing must ask of the floors above it: the roof installs one callable for each question."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from accounts.models import Workspace


@dataclass(frozen=True, slots=True)
class Burn:
    """What a workspace's running pods draw, in USD an hour, and how many they are."""

    usd_per_hour: Decimal
    running_pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The questions; see `install`."""

    burn_of: Callable[[Workspace], Burn]
    subject_url: Callable[[str, UUID], str]


def _nothing_runs(workspace: Workspace) -> Burn:
    return Burn(usd_per_hour=Decimal(0), running_pods=0)


def _no_page(kind: str, subject_id: UUID) -> str:
    return ""


_installed: list[Hooks] = [Hooks(burn_of=_nothing_runs, subject_url=_no_page)]


def install(hooks: Hooks) -> None:
    """Let the roof answer: what pods draw, and where the page of a subject such as ``pod`` is ("" for none)."""
    _installed[:] = [hooks]


def burn_of(workspace: Workspace) -> Burn:
    """Give what a workspace spends now."""
    return _installed[0].burn_of(workspace)


def subject_url(kind: str, subject_id: UUID) -> str:
    """Give the page of what an entry is about, or nothing."""
    return _installed[0].subject_url(kind, subject_id)
