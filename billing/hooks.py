"""What billing must ask of the floors above it: the roof installs one callable for each question."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.models import Workspace
from billing.models import Deposit, Payout


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Who is paid: ``coldkey`` is empty and ``proven_at`` None where none was proven.

    ``owes_refunds``: a machine was taken back early, and its renters do not have their money back yet.
    """

    name: str
    coldkey: str
    proven_at: datetime | None
    owes_refunds: bool


def _nobody_listens(*_: object) -> None:
    return None


def _nothing_unpaid(provider_ids: Collection[UUID], before: datetime) -> Mapping[UUID, Decimal]:
    return {}


def _nothing_used(account_id: int, granted_usd: Decimal) -> Decimal:
    return Decimal(0)


def _no_payees(provider_ids: Collection[UUID]) -> Mapping[UUID, Payee]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The questions; see `install`."""

    burn_of: Callable[[Workspace], Burn]
    subject_url: Callable[[str, UUID], str]
    ladder_of: Callable[[Workspace, datetime], Sequence[Rung]]
    open_alert: Callable[[str, str, datetime], None] = _nobody_listens
    close_alert: Callable[[str, datetime], None] = _nobody_listens
    payees: Callable[[Collection[UUID]], Mapping[UUID, Payee]] = _no_payees
    unpaid_use: Callable[[Collection[UUID], datetime], Mapping[UUID, Decimal]] = _nothing_unpaid
    credit_used: Callable[[int, Decimal], Decimal] = _nothing_used
    payout_ended: Callable[[Payout, datetime], None] = _nobody_listens
    deposit_credited: Callable[[Deposit, datetime], None] = _nobody_listens


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


def payees(provider_ids: Collection[UUID]) -> Mapping[UUID, Payee]:
    """Give who is paid, by the provider's public id; who is missing is unknown and cannot be paid."""
    return _installed[0].payees(provider_ids)


def unpaid_use(provider_ids: Collection[UUID], *, before: datetime) -> Mapping[UUID, Decimal]:
    """Give what providers earned by use before a moment that no renter's own money paid, in USD, by the public id."""
    return _installed[0].unpaid_use(provider_ids, before)


def credit_used(account_id: int, *, granted_usd: Decimal) -> Decimal:
    """Give what of a renter's charges was paid with the credits that its account was ever given, in USD."""
    return _installed[0].credit_used(account_id, granted_usd)


def payout_ended(payout: Payout, *, now: datetime) -> None:
    """Let the provider hear that a payout is paid or failed; in the transaction of what happened."""
    _installed[0].payout_ended(payout, now)


def deposit_credited(deposit: Deposit, *, now: datetime) -> None:
    """Let the payer hear that a payment is on the balance; in the transaction of what happened."""
    _installed[0].deposit_credited(deposit, now)
