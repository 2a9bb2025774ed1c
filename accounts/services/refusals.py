"""The ledger of requests that a key's budget refused."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import ApiKey, BudgetRefusal
from core import request_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was asked and which window (daily, monthly or max) was full; USD."""

    window: str
    amount_usd: Decimal
    budget_usd: Decimal
    spent_usd: Decimal


def record(*, key: ApiKey, refusal: Refusal, now: datetime) -> BudgetRefusal:
    """Write a refusal down; call it outside the transaction that is refused, or it is rolled back too."""
    request = request_context.current()
    return BudgetRefusal.objects.create(
        api_key=key,
        window=refusal.window,
        route=f"{request.method} {request.route}".strip()[:200],
        amount_usd=refusal.amount_usd,
        budget_usd=refusal.budget_usd,
        spent_usd=refusal.spent_usd,
        created_at=now,
    )
