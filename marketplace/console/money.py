"""The earnings page: what is owed and paid, what each day came to, as page, CSV and JSON; the statement as CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import visitor
from billing import limits, payables
from billing.export import Echo, guarded
from core import clock
from marketplace.console import doors
from marketplace.models import Provider
from marketplace.selectors import earnings, provider_statement
from marketplace.selectors.earnings import Day

SPANS: Final = (7, 30, 90)
USUAL_SPAN: Final = 30
SHOWN: Final = 12
# The ledger as a file goes back as far as there can be entries.
BEGINNING: Final = date(2020, 1, 1)
CSV: Final = "text/csv; charset=utf-8"
COLUMNS: Final = ("day", "kind", "entries", "charged_usd", "fee_usd", "amount_usd")


@login_required
@require_safe
def provider_earnings(request: HttpRequest) -> HttpResponseBase:
    """Show what was earned and paid; ``?format=csv`` and ``json`` give every day, ``statement`` every entry."""
    provider, now = doors.provider_for(visitor(request)), clock.now()
    if request.GET.get("format") == "statement":
        limits.whole_statement(provider.public_id)
        return _statement(provider)
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
        **_payouts(provider, now),
    }


def _payouts(provider: Provider, now: datetime) -> dict[str, Any]:
    """Give the payout calendar, what stands in its way, and the newest payouts."""
    due = payables.next_run(now=now)
    then = payables.payable_of(provider.public_id, now=due)
    return {
        "due": due,
        "payable_then_usd": then.payable_usd if then else Decimal(0),
        "minimum_usd": settings.MARKET_PAYOUT_MIN_USD,
        "hold_days": settings.MARKET_PAYOUT_HOLD.days,
        "hold": payables.hold_on(provider.public_id),
        "payouts": payables.payouts_of(provider.public_id)[:SHOWN],
    }


def _span(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, SPANS) else USUAL_SPAN


def _total(days: Sequence[Day]) -> dict[str, Decimal]:
    return {
        name: sum((getattr(day, name) for day in days), Decimal(0))
        for name in ("charged_usd", "fee_usd", "amount_usd")
    }


def _plot(days: Sequence[Day], since: date, until: date) -> dict[str, Any]:
    """Draw each day, those without an entry as the zero that the ledger says they were."""
    sums: dict[date, Decimal] = {}
    for row in days:
        sums[row.day] = sums.get(row.day, Decimal(0)) + row.earned_usd
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


def _statement(provider: Provider) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_statement_lines(provider), content_type=CSV)
    response["Content-Disposition"] = 'attachment; filename="provider-statement.csv"'
    return response


def _statement_lines(provider: Provider) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow([field.name for field in fields(provider_statement.Line)])
    for line in provider_statement.lines(provider):
        yield writer.writerow(_cell(value) for value in asdict(line).values())


def _cell(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:.9f}"
    return clock.iso(value) or "" if isinstance(value, datetime) else guarded(str(value or ""))


def _as_csv(days: Sequence[Day]) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_row(day).values() for day in days)
    return _file(text.getvalue(), CSV, "earnings.csv")


def _as_json(days: Sequence[Day]) -> HttpResponse:
    return _file(json.dumps([_row(day) for day in days]), "application/json", "earnings.json")


def _row(day: Day) -> dict[str, str | int]:
    """Write a day out; amounts are strings with all nine places, so that none is lost."""
    return {
        "day": day.day.isoformat(),
        "kind": day.kind,
        "entries": day.entries,
        "charged_usd": f"{day.charged_usd:.9f}",
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
