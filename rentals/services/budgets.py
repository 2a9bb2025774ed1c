"""Budgets of API keys: what a key's pods cost today, this month and in all, and what follows at the limit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.hooks import KeySpend
from accounts.models import ApiKey
from accounts.services import refusals
from accounts.services.refusals import Refusal
from billing.models import Posting
from core.actors import PLATFORM
from core.errors import DomainError
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.services import lifecycle, metering

log = structlog.get_logger(__name__)

NOTHING: Final = Decimal(0)


class BudgetExceeded(DomainError):
    """The key has spent one of its budgets."""

    code = "API_KEY_BUDGET_EXCEEDED"
    status = 402


def spend_of(keys: Sequence[ApiKey], now: datetime) -> Mapping[int, KeySpend]:
    """Give what the pods of each key cost in USD in the present UTC day and month and in all.

    By primary key of the key; two queries, and a row a key, for any number of keys and pods. A key without pods is
    left out.
    """
    pods = Pod.objects.filter(api_key__in=keys)
    totals = pods.values_list("api_key_id").annotate(
        total=Coalesce(Sum("meter__posted_usd"), NOTHING),
        listed=Count("pk", filter=~Q(status__in=[PodStatus.REMOVING, PodStatus.REMOVED])),
    )
    windows = _by_window(pods, now)
    return {
        key: KeySpend(*windows.get(key, (NOTHING, NOTHING)), total, listed)
        for key, total, listed in totals
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
        f"The API key {key.name} has spent ${refusal.spent_usd:.4f} of its {refusal.window} budget "
        f"of ${refusal.budget_usd}.",
        hint="Raise the budget on the Keys page, wait for the next day or month, or use another key.",
        data={
            "window": refusal.window,
            "budget_usd": float(refusal.budget_usd),
            "spent_usd": float(refusal.spent_usd),
            "api_key_id": str(key.public_id),
        },
    )


def exceeded(key: ApiKey, *, now: datetime) -> Refusal | None:
    """Say which of a key's budgets is spent; None while all hold."""
    if not any(budget is not None for _, budget in _budgets(key)):
        return None
    return _exceeded(key, spend_of([key], now).get(key.pk))


def enforce(*, now: datetime) -> None:
    """Remove the pods of every key whose budget is spent, as the key's owner was told."""
    capped = Q(daily_budget_usd__isnull=False) | Q(monthly_budget_usd__isnull=False)
    keys = ApiKey.objects.filter(capped | Q(max_budget_usd__isnull=False))
    drawing = list(keys.filter(pods__meter__ready_since__isnull=False).distinct())
    spends = spend_of(drawing, now)
    for key in drawing:
        if _exceeded(key, spends.get(key.pk)):
            _remove_pods(key, now)


def _exceeded(key: ApiKey, spend: KeySpend | None) -> Refusal | None:
    spent = (spend.today_usd, spend.month_usd, spend.total_usd) if spend else (NOTHING,) * 3
    for (window, budget), amount in zip(_budgets(key), spent, strict=True):
        if budget is not None and amount >= budget:
            return Refusal(window=window, amount_usd=NOTHING, budget_usd=budget, spent_usd=amount)
    return None


def _budgets(key: ApiKey) -> tuple[tuple[str, Decimal | None], ...]:
    return (
        ("daily", key.daily_budget_usd),
        ("monthly", key.monthly_budget_usd),
        ("max", key.max_budget_usd),
    )


def _remove_pods(key: ApiKey, now: datetime) -> None:
    for pod in Pod.objects.listed().filter(api_key=key):
        try:
            lifecycle.remove_as(
                pod_id=pod.public_id, reason=Reason.REMOVED_BUDGET, actor=PLATFORM, now=now
            )
        except DomainError as refusal:
            log.info("budget.skipped", pod=str(pod.public_id), why=refusal.message)


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
