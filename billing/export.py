"""The statement as a file: CSV and JSON, written line by line.

Amounts are in USD, as the ledger has them, and in TAO: a deposit's at the rate that it was credited at, all others at the
present one, each with its source, its time and its age.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.http import StreamingHttpResponse

from accounts.models import Workspace
from billing import selectors
from billing.rates import Rate
from billing.selectors import StatementLine
from core import clock

COLUMNS: Final = (
    "at",
    "kind",
    "description",
    "detail",
    "subject_kind",
    "subject_id",
    "debit_usd",
    "credit_usd",
    "balance_usd",
)
RATE_COLUMNS: Final = (
    "amount_tao",
    "usd_per_tao",
    "rate_source",
    "rate_observed_at",
    "rate_age_seconds",
)
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Echo:
    """A file that hands back what is written, for the CSV writer."""

    def write(self, text: str) -> str:
        """Give the text back."""
        return text


@dataclass(frozen=True, slots=True)
class Used:
    """A rate at which an entry is converted, and how old it was then."""

    usd_per_tao: Decimal
    source: str
    observed_at: datetime
    age: timedelta


class Rates:
    """What the entries of a workspace are converted at."""

    def __init__(self, workspace: Workspace, *, present: Rate | None, now: datetime) -> None:
        self._present = None if present is None else _present(present, now)
        self._deposits = {one.public_id: one for one in selectors.credited_to(workspace)}

    def of(self, line: StatementLine) -> Used | None:
        """Give the rate of an entry; None where there is none."""
        deposit = self._deposits.get(line.subject_id) if line.subject_id else None
        if deposit is None:
            return self._present
        rate, observed = deposit.rate_usd_per_tao, deposit.rate_observed_at
        if rate is None or observed is None:
            return None
        return Used(rate, deposit.rate_source, observed, line.at - observed)


def _present(rate: Rate, now: datetime) -> Used:
    return Used(rate.usd_per_tao, rate.source, rate.observed_at, now - rate.observed_at)


def as_csv(workspace: Workspace, rates: Rates) -> StreamingHttpResponse:
    """Give every line as CSV, oldest first; amounts with all nine places."""
    return _file(_csv_lines(workspace, rates), "text/csv; charset=utf-8", "statement.csv")


def as_json(workspace: Workspace, rates: Rates) -> StreamingHttpResponse:
    """Give every line as one JSON array, oldest first; amounts are strings, so that no place is lost."""
    return _file(_json_lines(workspace, rates), "application/json", "statement.json")


FORMATS: Final[dict[str, Callable[[Workspace, Rates], StreamingHttpResponse]]] = {
    "csv": as_csv,
    "json": as_json,
}


def _csv_lines(workspace: Workspace, rates: Rates) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow((*COLUMNS, *RATE_COLUMNS))
    for line in selectors.whole_statement(workspace):
        yield writer.writerow(guarded(value) for value in _row(line, rates).values())


def _json_lines(workspace: Workspace, rates: Rates) -> Iterator[str]:
    separator = "["
    for line in selectors.whole_statement(workspace):
        yield separator + json.dumps(_row(line, rates))
        separator = ",\n"
    yield "[]" if separator == "[" else "]"


def _row(line: StatementLine, rates: Rates) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in COLUMNS}
    amounts = {name: _exact(values[name]) for name in COLUMNS if name.endswith("_usd")}
    subject = str(line.subject_id) if line.subject_id else None
    row = {**values, **amounts, "at": clock.iso(line.at), "subject_id": subject}
    return row | _converted(line, rates.of(line))


def _converted(line: StatementLine, used: Used | None) -> dict[str, str | None]:
    if used is None:
        return dict.fromkeys(RATE_COLUMNS)
    amount = (line.credit_usd or Decimal(0)) - (line.debit_usd or Decimal(0))
    told = (
        _exact(amount / used.usd_per_tao),
        _exact(used.usd_per_tao),
        used.source,
        clock.iso(used.observed_at),
        str(max(0, int(used.age.total_seconds()))),
    )
    return dict(zip(RATE_COLUMNS, told, strict=True))


def _exact(amount: Any) -> str | None:
    return None if amount is None else f"{amount:.9f}"


def guarded(value: str | None) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    # A spreadsheet runs a cell that begins like a formula; memos hold words that people typed.
    text = value or ""
    is_number = text.lstrip("-").replace(".", "", 1).isdigit()
    return f"'{text}" if text.startswith(FORMULA) and not is_number else text


def _file(lines: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
