"""The earnings page: what is owed, what each day came to, as page, CSV and JSON."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock
from marketplace.console import doors
from marketplace.models import Provider
from marketplace.selectors import earnings
from marketplace.selectors.earnings import Day

SPANS: Final = (7, 30, 90)
USUAL_SPAN: Final = 30
# The ledger as a file goes back as far as there can be entries.
BEGINNING: Final = date(2020, 1, 1)
COLUMNS: Final = ("day", "kind", "entries", "gross_usd", "fee_usd", "amount_usd")


@never_cache
@login_required
@require_safe
def provider_earnings(request: HttpRequest) -> HttpResponse:
    """Show what was earned; ``?format=csv`` and ``json`` give every day as a file."""
    provider, now = doors.provider_for(doors.principal(request)), clock.now()
    if write := FORMATS.get(request.GET.get("format", "")):
        return write(earnings.daily(provider, since=BEGINNING, until=now.date()))
    return render(request, "provide/earnings.html", _page(provider, _span(request), now))


def _page(provider: Provider, span: int, now: datetime) -> dict[str, Any]:
    since = now.date() - timedelta(days=span - 1)
    days = earnings.daily(provider, since=since, until=now.date())
    return {
        "provider": provider,
        "earnings": earnings.summary(provider, now=now),
        "days": days,
        "span": span,
        "spans": SPANS,
        "total": _total(days),
        "plot": _plot(days, since, now.date()) if days else None,
        "fee_rate": settings.MARKET_FEE_RATE,
    }


def _span(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, SPANS) else USUAL_SPAN


def _total(days: Sequence[Day]) -> dict[str, Decimal]:
    return {
        name: sum((getattr(day, name) for day in days), Decimal(0))
        for name in ("gross_usd", "fee_usd", "amount_usd")
    }


def _plot(days: Sequence[Day], since: date, until: date) -> dict[str, Any]:
    """Draw each day, those without an entry as the zero that the ledger says they were."""
    sums: dict[date, Decimal] = {}
    for row in days:
        sums[row.day] = sums.get(row.day, Decimal(0)) + row.amount_usd
    dates = [since + timedelta(days=passed) for passed in range((until - since).days + 1)]
    values = [sums.get(day, Decimal(0)) for day in dates]
    best = max(values)
    points = [
        {"at": earnings.midnight(day), "value": float(value), "text": f"${value:.2f}"}
        for day, value in zip(dates, values, strict=True)
    ]
    return {
        "key": "earnings",
        "label": "Earned a day, after the fee",
        "unit": "USD",
        "digits": 2,
        "daily": True,
        "gap_seconds": 86_400,
        "maximum": float(best) if best > 0 else None,
        "latest": f"${values[-1]:.2f} today so far",
        "summary": f"{len(dates)} days; the best brought ${best:.2f}, today ${values[-1]:.2f} so far.",
        "points": points,
    }


def _as_csv(days: Sequence[Day]) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_row(day).values() for day in days)
    return _file(text.getvalue(), "text/csv; charset=utf-8", "earnings.csv")


def _as_json(days: Sequence[Day]) -> HttpResponse:
    return _file(json.dumps([_row(day) for day in days]), "application/json", "earnings.json")


def _row(day: Day) -> dict[str, str | int]:
    """Write a day out; amounts are strings with all nine places, so that none is lost."""
    return {
        "day": day.day.isoformat(),
        "kind": day.kind,
        "entries": day.entries,
        "gross_usd": f"{day.gross_usd:.9f}",
        "fee_usd": f"{day.fee_usd:.9f}",
        "amount_usd": f"{day.amount_usd:.9f}",
    }


def _file(text: str, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


FORMATS: Final[dict[str, Callable[[Sequence[Day]], HttpResponse]]] = {
    "csv": _as_csv,
    "json": _as_json,
}
