"""What a provider's machines earned, by day."""

from datetime import date, timedelta
from typing import Any, Final

from django.http import HttpRequest
from ninja import Query, Router

from core import clock
from core.errors import Invalid
from marketplace.portal.auth import PortalAuth, provider
from marketplace.portal.schemas import queries
from marketplace.selectors import earnings

router = Router(tags=["earnings"])
LONGEST_WINDOW: Final = 90
USUAL_WINDOW: Final = 30


@router.get("/provider-ledger/daily", response=queries.LedgerOut, auth=PortalAuth())
def ledger(request: HttpRequest, asked: Query[queries.Window]) -> dict[str, Any]:
    """Give what each UTC day brought, by kind; 30 days unless said, 90 at most."""
    first, last = _window(asked.since, asked.until)
    rows = earnings.daily(provider(request), since=first, until=last)
    return {
        "rows": [_day(row) for row in rows],
        "date_from": first.isoformat(),
        "date_to": last.isoformat(),
    }


def _window(since: date | None, until: date | None) -> tuple[date, date]:
    last = until or clock.now().date()
    first = since or last - timedelta(days=USUAL_WINDOW - 1)
    if first > last or (last - first).days >= LONGEST_WINDOW:
        raise Invalid(
            f"The window is {first} to {last}; it has 1 to {LONGEST_WINDOW} days.",
            hint="Split a longer one into several calls.",
        )
    return first, last


def _day(row: earnings.Day) -> dict[str, Any]:
    return {
        "day": row.day.isoformat(),
        "kind": row.kind,
        "title": row.title,
        "gross_usd": float(row.charged_usd),
        "fee_usd": float(row.fee_usd),
        "amount_usd": float(row.amount_usd),
    }
