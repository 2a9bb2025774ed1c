"""The statement as a file: CSV and JSON, written line by line."""

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.http import StreamingHttpResponse

from accounts.models import Workspace
from billing import selectors
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
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Echo:
    """A file that hands back what is written, for the CSV writer."""

    def write(self, text: str) -> str:
        """Give the text back."""
        return text


def as_csv(workspace: Workspace) -> StreamingHttpResponse:
    """Give every line as CSV, oldest first; amounts with all nine places."""
    return _file(_csv_lines(workspace), "text/csv; charset=utf-8", "statement.csv")


def as_json(workspace: Workspace) -> StreamingHttpResponse:
    """Give every line as one JSON array, oldest first; amounts are strings, so that no place is lost."""
    return _file(_json_lines(workspace), "application/json", "statement.json")


FORMATS: Final[dict[str, Callable[[Workspace], StreamingHttpResponse]]] = {
    "csv": as_csv,
    "json": as_json,
}


def _csv_lines(workspace: Workspace) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for line in selectors.whole_statement(workspace):
        yield writer.writerow(guarded(value) for value in _row(line).values())


def _json_lines(workspace: Workspace) -> Iterator[str]:
    separator = "["
    for line in selectors.whole_statement(workspace):
        yield separator + json.dumps(_row(line))
        separator = ",\n"
    yield "[]" if separator == "[" else "]"


def _row(line: StatementLine) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in COLUMNS}
    amounts = {name: _exact(values[name]) for name in COLUMNS if name.endswith("_usd")}
    subject = str(line.subject_id) if line.subject_id else None
    return {**values, **amounts, "at": clock.iso(line.at), "subject_id": subject}


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
