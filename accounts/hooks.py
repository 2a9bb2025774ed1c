"""What accounts must ask of the floors above it: the roof installs one callable for each question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured

from accounts.models import ApiKey, Workspace


@dataclass(frozen=True, slots=True)
class KeySpend:
    """What the pods of one key cost in USD, how many it holds now, and what these hold back of its budgets."""

    today_usd: Decimal
    month_usd: Decimal
    total_usd: Decimal
    pod_count: int
    reserved_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The questions; see `install`."""

    on_signup: Callable[[Workspace, datetime], bool]
    balance_of: Callable[[Workspace], Decimal]
    spend_of: Callable[[Sequence[ApiKey], datetime], Mapping[int, KeySpend]]
    reasons_to_keep: Callable[[Workspace], list[str]]


_installed: list[Hooks] = []


def install(hooks: Hooks) -> None:
    """Let the roof answer.

    ``on_signup`` credits a new workspace and says whether it did, inside the sign-up's transaction;
    ``spend_of`` answers by primary key of the API key; ``reasons_to_keep`` says why a workspace cannot be
    closed yet, e.g. "2 pods".
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


def reasons_to_keep(workspace: Workspace) -> list[str]:
    """Say why a workspace cannot be closed yet; empty when it can."""
    return _hooks().reasons_to_keep(workspace)


def _hooks() -> Hooks:
    if not _installed:
        raise ImproperlyConfigured("The roof did not call accounts.hooks.install().")
    return _installed[0]
