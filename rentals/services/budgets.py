"""Budgets of API keys: what a key's pods cost today, this month and in all, what its open pods hold back, and refusals."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.hooks import KeySpend
from accounts.models import ApiKey
from accounts.services import refusals
from accounts.services.refusals import Refusal
from billing.models import Posting
from core.errors import DomainError
from rentals.models import UNLISTED, Pod
from rentals.services import floors, metering

NOTHING: Final = Decimal(0)


class BudgetExceeded(DomainError):
    """The key has spent one of its budgets, or has no room in it for another pod."""

    code = "API_KEY_BUDGET_EXCEEDED"
    status = 402

    def __init__(self, key: ApiKey, refusal: Refusal, *, message: str) -> None:
        super().__init__(
            message,
            hint="Raise the budget on the Keys page, wait for the next day or month, or use another key.",
            data={
                "window": refusal.window,
                "budget_usd": float(refusal.budget_usd),
                "spent_usd": float(refusal.spent_usd),
                "api_key_id": str(key.public_id),
            },
        )
        self.key, self.refusal = key, refusal


def spend_of(keys: Sequence[ApiKey], now: datetime) -> Mapping[int, KeySpend]:
    """Give what the pods of each key cost in USD in the present UTC day and month and in all.

    By primary key of the key; two queries, and a row a key, for any number of keys and pods. A key without pods is
    left out.
    """
    pods = Pod.objects.filter(api_key__in=keys)
    totals = (
        pods.with_cost()
        .values_list("api_key_id")
        .annotate(
            total=Sum("net_usd", default=NOTHING),
            listed=Count("pk", filter=~Q(status__in=UNLISTED)),
            opened=Sum("hourly_price_usd", filter=Q(status__in=floors.OPEN), default=NOTHING),
        )
    )
    windows = _by_window(pods, now)
    return {
        key: KeySpend(*windows.get(key, (NOTHING, NOTHING)), total, listed, floors.floor_of(opened))
        for key, total, listed, opened in totals
    }


def require(key: ApiKey | None, *, now: datetime) -> None:
    """Refuse to a key whose budget is spent, and write the refusal down. Outside of any transaction.

    :raises BudgetExceeded: with the window, the budget and what was spent.
    """
    refusal = exceeded(key, now=now) if key else None
    if key is None or refusal is None:
        return
    refusals.record(key=key, refusal=refusal, now=now)
    raise BudgetExceeded(
        key,
        refusal,
        message=f"The API key {key.name} has spent ${refusal.spent_usd:.4f} of its {refusal.window} budget "
        f"of ${refusal.budget_usd}.",
    )


def require_room(key: ApiKey | None, *, hourly_price_usd: Decimal, now: datetime) -> None:
    """Refuse a pod that a key's budget does not carry beside what it spent and what its open pods hold back.

    Under the lock of the workspace's account, so that of two rents at once the second sees the first. Whoever holds
    the transaction writes the refusal down once that is rolled back (`noting_refusals`).

    :raises BudgetExceeded: with the window, the budget, and what is spent and held back.
    """
    fresh = ApiKey.objects.filter(pk=key.pk).first() if key else None
    if fresh is None or not _is_capped(fresh):
        return
    spend = spend_of([fresh], now).get(fresh.pk)
    asked, held = floors.floor_of(hourly_price_usd), spend.reserved_usd if spend else NOTHING
    for (window, budget), amount in zip(_budgets(fresh), _spent(spend), strict=True):
        if budget is not None and amount + held + asked > budget:
            raise BudgetExceeded(
                fresh,
                Refusal(
                    window=window, amount_usd=asked, budget_usd=budget, spent_usd=amount + held
                ),
                message=f"The {window} budget of the API key {fresh.name} is ${budget}: ${amount:.4f} is spent, "
                f"${held:.4f} is held back for its open pods, and this one needs ${asked:.4f}.",
            )


@contextmanager
def noting_refusals(*, now: datetime) -> Iterator[None]:
    """Write a budget's refusal down once the transaction inside is rolled back."""
    try:
        yield
    except BudgetExceeded as error:
        refusals.record(key=error.key, refusal=error.refusal, now=now)
        raise


def exceeded(key: ApiKey, *, now: datetime) -> Refusal | None:
    """Say which of a key's budgets is spent; None while all hold."""
    if not _is_capped(key):
        return None
    return spent_budget(key, spend_of([key], now).get(key.pk))


def spent_budget(key: ApiKey, spend: KeySpend | None) -> Refusal | None:
    """Say which budget is spent at a spend that is known; None while all hold."""
    for (window, budget), amount in zip(_budgets(key), _spent(spend), strict=True):
        if budget is not None and amount >= budget:
            return Refusal(window=window, amount_usd=NOTHING, budget_usd=budget, spent_usd=amount)
    return None


def _spent(spend: KeySpend | None) -> tuple[Decimal, ...]:
    return (spend.today_usd, spend.month_usd, spend.total_usd) if spend else (NOTHING,) * 3


def _is_capped(key: ApiKey) -> bool:
    return any(budget is not None for _, budget in _budgets(key))


def _budgets(key: ApiKey) -> tuple[tuple[str, Decimal | None], ...]:
    return (
        ("daily", key.daily_budget_usd),
        ("monthly", key.monthly_budget_usd),
        ("max", key.max_budget_usd),
    )


def _by_window(pods: QuerySet[Pod], now: datetime) -> dict[int, tuple[Decimal, Decimal]]:
    """Sum what was charged today and this month, by key; a pod that ended before has no part in it."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = midnight.replace(day=1)
    sums = (
        pods.exclude(removed_at__lte=month)
        .annotate(today=_charged(since=midnight), month=_charged(since=month))
        .values_list("api_key_id")
        .annotate(Sum("today", default=NOTHING), Sum("month", default=NOTHING))
    )
    return {key: (today, this_month) for key, today, this_month in sums}


def _charged(*, since: datetime) -> Subquery:
    """Give what a pod's renter was charged after a moment, less what was paid back."""
    charges = Posting.objects.filter(
        account=OuterRef("meter__renter_account"),
        entry__subject_kind=metering.SUBJECT,
        entry__subject_id=OuterRef("public_id"),
        entry__occurred_at__gt=since,
    )
    return Subquery(charges.values("entry__subject_id").values_list(-Sum("amount")))
