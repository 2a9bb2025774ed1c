"""What accounts must ask of the floors above it: the roof installs one callable for each question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured

from accounts.models import ApiKey, User, Workspace
from core.actors import Actor


@dataclass(frozen=True, slots=True)
class KeySpend:
    """What the pods of one key cost in USD, how many it holds now, and what these hold back of its budgets."""

    today_usd: Decimal
    month_usd: Decimal
    total_usd: Decimal
    pod_count: int
    reserved_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that a workspace cannot be closed with, e.g. "2 pods", and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The questions; see `install`."""

    on_signup: Callable[[Workspace, datetime], bool]
    balance_of: Callable[[Workspace], Decimal]
    spend_of: Callable[[Sequence[ApiKey], datetime], Mapping[int, KeySpend]]
    reasons_to_keep: Callable[[Workspace], list[Obstacle]]
    on_close: Callable[[Workspace, Actor, datetime], None]
    on_claim: Callable[[User, datetime], Mapping[str, int]]


_installed: list[Hooks] = []


def install(hooks: Hooks) -> None:
    """Let the roof answer.

    ``on_signup`` credits a new workspace and says whether it did, inside the sign-up's transaction;
    ``spend_of`` answers by primary key of the API key; ``reasons_to_keep`` says why a workspace cannot be
    closed yet, and keeps new reasons away until the caller's transaction ends; ``on_close`` takes what it
    leaves, inside the closing's transaction; ``on_claim`` ends what a stranger may have added to an account.
    """
    _installed[:] = [hooks]


def on_signup(workspace: Workspace, *, now: datetime) -> bool:
    """Credit a new workspace; True when something was granted."""
    return _hooks().on_signup(workspace, now)


def balance_of(workspace: Workspace) -> Decimal:
    """Give the balance in USD."""
    return _hooks().balance_of(workspace)


def spend_of(keys: Sequence[ApiKey], *, now: datetime) -> Mapping[int, KeySpend]:
    """Give what each key spent, by its primary key; a key that is missing spent nothing."""
    return _hooks().spend_of(keys, now)


def reasons_to_keep(workspace: Workspace) -> list[Obstacle]:
    """Say why a workspace cannot be closed yet; empty when it can."""
    return _hooks().reasons_to_keep(workspace)


def on_close(workspace: Workspace, *, actor: Actor, now: datetime) -> None:
    """Take what a workspace that is being closed leaves."""
    _hooks().on_close(workspace, actor, now)


def on_claim(user: User, *, now: datetime) -> Mapping[str, int]:
    """End what the floors above hold of a claimed account's past, and say how much of what it was."""
    return _hooks().on_claim(user, now)


def _hooks() -> Hooks:
    if not _installed:
        raise ImproperlyConfigured("The roof did not call accounts.hooks.install().")
    return _installed[0]
