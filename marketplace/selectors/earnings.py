"""What a provider earned, read from the ledger: by day, in all, and what has not been paid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum

from billing.models import Account, AccountKind, Posting
from core.money import USD
from marketplace.models import Provider

PAYOUT: Final = "payout"
TITLES: Final = {
    "usage": "Ready time of pods",
    "reversal": "Correction",
    "payout": "Payout",
}
# Who else an entry moved money of does not matter here, only what of it was the platform's fee.
DAILY: Final = """
SELECT (entry.occurred_at AT TIME ZONE 'UTC')::date AS day, entry.kind,
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
    """What one kind of entry came to on one day (UTC), in USD: gross less fee is the amount."""

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


@dataclass(frozen=True, slots=True)
class Earnings:
    """Where a provider's money is, in USD: of today, waiting to be paid out, paid out; and earned in all."""

    accrued_usd: Decimal
    pending_usd: Decimal
    paid_usd: Decimal

    @property
    def unpaid_usd(self) -> Decimal:
        """The balance of the provider's account in the ledger."""
        return self.accrued_usd + self.pending_usd

    @property
    def earned_usd(self) -> Decimal:
        """All that was ever earned, after the fee."""
        return self.unpaid_usd + self.paid_usd


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
    """Tell accrued, pending and paid; the first two are the account's balance in the ledger."""
    account = _account(provider)
    if account is None:
        return Earnings(Decimal(0), Decimal(0), Decimal(0))
    paid_out, today = Q(entry__kind=PAYOUT), Q(entry__occurred_at__gte=midnight(now.date()))
    sums = Posting.objects.filter(account=account).aggregate(
        paid=Sum("amount", filter=paid_out), today=Sum("amount", filter=today & ~paid_out)
    )
    accrued = sums["today"] or Decimal(0)
    return Earnings(
        accrued_usd=accrued,
        pending_usd=account.balance - accrued,
        paid_usd=-(sums["paid"] or Decimal(0)),
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


def _day(day: date, kind: str, entries: int, amount: Decimal, fee: Decimal) -> Day:
    return Day(day, kind, entries, gross_usd=amount + fee, fee_usd=fee, amount_usd=amount)


def _account(provider: Provider) -> Account | None:
    rows = Account.objects.filter(kind=AccountKind.PROVIDER, currency=USD)
    return rows.filter(owner_id=provider.public_id).first()


def _fee_account_id() -> int | None:
    rows = Account.objects.filter(kind=AccountKind.FEE, currency=USD)
    return rows.values_list("pk", flat=True).first()
