"""What providers could be paid: balances of the ledger, less what is on hold or unpaid by renters (docs/money.md, Payouts)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from billing import hooks
from billing.models import Account, AccountKind, Payout, PayoutHold, PayoutStatus
from core.money import USD

SUBJECT: Final = "payout"
RUN_AT: Final = time(12)
WEEK: Final = timedelta(days=7)
NOTHING: Final = Decimal(0)
# What has not left the balance is not the provider's to see.
HIDDEN_PAYOUTS: Final = (PayoutStatus.PROPOSED, PayoutStatus.DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payable:
    """Where a provider's money is, in USD: the balance is on hold, unpaid by renters, or payable.

    What is in payment has left it.
    """

    account_id: int
    provider_id: UUID
    balance_usd: Decimal
    on_hold_usd: Decimal
    unpaid_usd: Decimal

    @property
    def payable_usd(self) -> Decimal:
        """What a payout may take."""
        return max(Decimal(0), self.balance_usd - self.on_hold_usd - self.unpaid_usd)


def all_payables(*, now: datetime) -> list[Payable]:
    """Give every provider with something on its account."""
    rows = _provider_accounts(now).filter(balance__gt=0).order_by("pk")
    return _payables(list(rows), now)


def payable_of(provider_id: UUID, *, now: datetime) -> Payable | None:
    """Give one provider's; None where nothing was ever earned."""
    return payables_of([provider_id], now=now).get(provider_id)


def payables_of(provider_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Payable]:
    """Give those of many at once; who never earned anything is left out."""
    rows = _provider_accounts(now).filter(owner_id__in=provider_ids)
    return {row.provider_id: row for row in _payables(list(rows), now)}


def in_payment_usd(provider_id: UUID) -> Decimal:
    """Give what is approved and on its way to a provider."""
    approved = Payout.objects.filter(provider_id=provider_id, status=PayoutStatus.APPROVED)
    return approved.aggregate(usd=Sum("usd"))["usd"] or Decimal(0)


def payouts_of(provider_id: UUID) -> QuerySet[Payout]:
    """Give a provider's payouts that left its balance, newest first."""
    rows = Payout.objects.filter(provider_id=provider_id).select_related("transfer", "batch")
    return rows.exclude(status__in=HIDDEN_PAYOUTS).order_by("-pk")


def hold_on(provider_id: UUID) -> PayoutHold | None:
    """Give the administrators' hold on a provider, if there is one."""
    return PayoutHold.objects.filter(provider_id=provider_id, lifted_at=None).first()


def next_run(*, now: datetime) -> datetime:
    """Give when the next run is due: the configured weekday, noon UTC."""
    days = (settings.MARKET_PAYOUT_WEEKDAY - now.weekday()) % WEEK.days
    due = datetime.combine(now.date() + timedelta(days=days), RUN_AT, tzinfo=now.tzinfo)
    return due if due > now else due + WEEK


def last_run(*, now: datetime) -> datetime:
    """Give when the last run was due."""
    return next_run(now=now) - WEEK


def _provider_accounts(now: datetime) -> QuerySet[Account]:
    held = Q(days__day__gte=first_held_day(now=now), days__amount__gt=0)
    # What came back of a payout was held before.
    earned = held & ~Q(days__subject_kind=SUBJECT)
    rows = Account.objects.filter(kind=AccountKind.PROVIDER, currency=USD, owner_id__isnull=False)
    return rows.annotate(on_hold=Sum("days__amount", filter=earned))


def first_held_day(*, now: datetime) -> date:
    """Give the UTC day since which what was credited is on hold; a hold of no days holds nothing."""
    hold = settings.MARKET_PAYOUT_HOLD
    return now.date() - hold if hold else date.max


def _payables(rows: Sequence[Account], now: datetime) -> list[Payable]:
    """Say of each account what a payout may take; what is on hold is not counted again as unpaid."""
    held_from = datetime.combine(first_held_day(now=now), time.min, tzinfo=UTC)
    owners = [row.owner_id for row in rows if row.owner_id is not None]
    unpaid = hooks.unpaid_use(owners, before=min(held_from, now))
    return [_payable(row, unpaid) for row in rows]


def _payable(row: Account, unpaid: Mapping[UUID, Decimal]) -> Payable:
    if row.owner_id is None:
        raise ValueError(f"{row} has no provider.")
    balance = max(row.balance, NOTHING)
    on_hold = min(getattr(row, "on_hold", None) or NOTHING, balance)
    return Payable(
        account_id=row.pk,
        provider_id=row.owner_id,
        balance_usd=row.balance,
        on_hold_usd=on_hold,
        unpaid_usd=min(unpaid.get(row.owner_id, NOTHING), balance - on_hold),
    )
