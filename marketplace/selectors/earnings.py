"""What a provider earned, read from the ledger: by day, in all, and what has not been paid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Q, Sum

from billing import days, payables
from billing.models import Account, AccountDay, AccountKind, Payout, PayoutStatus, Posting
from core.money import USD
from marketplace.models import Provider

RETURNED: Final = "payout_returned"
TITLES: Final = {
    "usage": "Ready time of pods",
    "reversal": "Correction",
    "payout": "Payout",
    "payout_returned": "Payout that failed, back on the balance",
}


@dataclass(frozen=True, slots=True)
class Day:
    """What one kind of entry came to on one day (UTC), in USD: what renters were charged less the fee is what was earned; payouts have neither."""

    day: date
    kind: str
    entries: int
    charged_usd: Decimal
    fee_usd: Decimal
    amount_usd: Decimal

    @property
    def title(self) -> str:
        """The kind in words."""
        return TITLES.get(self.kind, self.kind.replace("_", " ").capitalize())

    @property
    def earned_usd(self) -> Decimal:
        """What of the amount was earned: a payout takes nothing of that."""
        return self.charged_usd - self.fee_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """Where a provider's money is, in USD (docs/money.md, Payouts); what accrued today is part of what is on hold.

    The balance of the ledger is on hold, not paid by renters or payable; what is in payment or paid has left it.
    """

    accrued_usd: Decimal = Decimal(0)
    on_hold_usd: Decimal = Decimal(0)
    not_paid_by_renters_usd: Decimal = Decimal(0)
    payable_usd: Decimal = Decimal(0)
    in_payment_usd: Decimal = Decimal(0)
    paid_usd: Decimal = Decimal(0)
    unpaid_usd: Decimal = Decimal(0)

    @property
    def earned_usd(self) -> Decimal:
        """All that was ever earned, after the fee."""
        return self.unpaid_usd + self.in_payment_usd + self.paid_usd


def daily(provider: Provider, *, since: date, until: date) -> list[Day]:
    """Give what each day came to by kind, newest first, both ends included; a few rows a day."""
    account = _account(provider)
    if account is None:
        return []
    rows = days.of(account.pk, since=since, until=until)
    return sorted(map(_day, rows), key=lambda row: (-row.day.toordinal(), row.kind))


def summary(provider: Provider, *, now: datetime) -> Earnings:
    """Tell what accrued today, what is on hold, payable, in payment and paid."""
    row = payables.payable_of(provider.public_id, now=now)
    if row is None:
        return Earnings()
    payouts = Payout.objects.filter(provider_id=provider.public_id)
    sums = payouts.aggregate(
        paid=Sum("usd", filter=Q(status=PayoutStatus.PAID)),
        moving=Sum("usd", filter=Q(status=PayoutStatus.APPROVED)),
    )
    return Earnings(
        accrued_usd=_accrued(row.account_id, now),
        on_hold_usd=row.on_hold_usd,
        not_paid_by_renters_usd=row.unpaid_usd,
        payable_usd=row.payable_usd,
        in_payment_usd=sums["moving"] or Decimal(0),
        paid_usd=sums["paid"] or Decimal(0),
        unpaid_usd=row.balance_usd,
    )


def earned_by(provider: Provider, subject_ids: Sequence[UUID]) -> dict[UUID, Decimal]:
    """Give what each of these pods earned the provider so far, after the fee; none of it may be missing."""
    account = _account(provider)
    if account is None:
        return {}
    rows = Posting.objects.filter(account=account, entry__subject_id__in=subject_ids)
    sums = rows.values_list("entry__subject_id").annotate(total=Sum("amount"))
    return {subject_id: total for subject_id, total in sums if subject_id is not None}


def midnight(day: date) -> datetime:
    """Give the first moment of a day in UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def _accrued(account_id: int, now: datetime) -> Decimal:
    today = days.of(account_id, since=now.date(), until=now.date())
    earned = today.exclude(subject_kind=payables.SUBJECT)
    return earned.aggregate(total=Sum("amount"))["total"] or Decimal(0)


def _day(row: AccountDay) -> Day:
    is_payout = row.subject_kind == payables.SUBJECT
    return Day(
        row.day,
        RETURNED if is_payout and row.amount > 0 else row.kind,
        row.entries,
        charged_usd=Decimal(0) if is_payout else row.amount + row.fee,
        fee_usd=row.fee,
        amount_usd=row.amount,
    )


def _account(provider: Provider) -> Account | None:
    rows = Account.objects.filter(kind=AccountKind.PROVIDER, currency=USD)
    return rows.filter(owner_id=provider.public_id).first()
