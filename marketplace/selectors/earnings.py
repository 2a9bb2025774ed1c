"""What a provider earned, read from the ledger: by day, in all, and what has not been paid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum

from billing import payables
from billing.models import Account, AccountKind, Payout, PayoutStatus, Posting
from core.money import USD
from marketplace.models import Provider

PAYOUT: Final = "payout"
RETURNED: Final = "payout_returned"
TITLES: Final = {
    "usage": "Ready time of pods",
    "reversal": "Correction",
    "payout": "Payout",
    "payout_returned": "Payout that failed, back on the balance",
}
# Who else an entry moved money of does not matter here, only what of it was the platform's fee.
DAILY: Final = """
SELECT (entry.occurred_at AT TIME ZONE 'UTC')::date AS day,
       CASE WHEN entry.subject_kind = 'payout' AND mine.amount > 0 THEN 'payout_returned' ELSE entry.kind END,
       count(*), sum(mine.amount), coalesce(sum(fee.amount), 0)
FROM billing_posting mine
JOIN billing_entry entry ON entry.id = mine.entry_id
LEFT JOIN billing_posting fee ON fee.entry_id = mine.entry_id AND fee.account_id = %(fee)s
WHERE mine.account_id = %(account)s
  AND entry.occurred_at >= %(since)s AND entry.occurred_at < %(until)s
GROUP BY 1, 2 ORDER BY 1 DESC, 2
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What one kind of entry came to on one day (UTC), in USD: gross less fee is what was earned; payouts have neither."""

    day: date
    kind: str
    entries: int
    gross_usd: Decimal
    fee_usd: Decimal
    amount_usd: Decimal

    @property
    def title(self) -> str:
        """The kind in words."""
        return TITLES.get(self.kind, self.kind.replace("_", " ").capitalize())

    @property
    def earned_usd(self) -> Decimal:
        """What of the amount was earned: a payout takes nothing of that."""
        return self.gross_usd - self.fee_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """Where a provider's money is, in USD (docs/money.md, Payouts); what accrued today is part of what is on hold.

    The balance of the ledger is on hold or payable; what is in payment or paid has left it.
    """

    accrued_usd: Decimal = Decimal(0)
    on_hold_usd: Decimal = Decimal(0)
    payable_usd: Decimal = Decimal(0)
    in_payment_usd: Decimal = Decimal(0)
    paid_usd: Decimal = Decimal(0)
    unpaid_usd: Decimal = Decimal(0)

    @property
    def earned_usd(self) -> Decimal:
        """All that was ever earned, after the fee."""
        return self.unpaid_usd + self.in_payment_usd + self.paid_usd


def daily(provider: Provider, *, since: date, until: date) -> list[Day]:
    """Give what each day came to by kind, newest first, both ends included; one statement for any span."""
    account = _account(provider)
    if account is None:
        return []
    params = {
        "account": account.pk,
        "fee": _fee_account_id(),
        "since": midnight(since),
        "until": midnight(until + timedelta(days=1)),
    }
    with connection.cursor() as cursor:
        cursor.execute(DAILY, params)
        return [_day(*row) for row in cursor.fetchall()]


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
    today = Posting.objects.filter(
        account_id=account_id, entry__occurred_at__gte=midnight(now.date())
    )
    earned = today.exclude(entry__subject_kind=payables.SUBJECT)
    return earned.aggregate(total=Sum("amount"))["total"] or Decimal(0)


def _day(day: date, kind: str, entries: int, amount: Decimal, fee: Decimal) -> Day:
    gross = Decimal(0) if kind in (PAYOUT, RETURNED) else amount + fee
    return Day(day, kind, entries, gross_usd=gross, fee_usd=fee, amount_usd=amount)


def _account(provider: Provider) -> Account | None:
    rows = Account.objects.filter(kind=AccountKind.PROVIDER, currency=USD)
    return rows.filter(owner_id=provider.public_id).first()


def _fee_account_id() -> int | None:
    rows = Account.objects.filter(kind=AccountKind.FEE, currency=USD)
    return rows.values_list("pk", flat=True).first()
