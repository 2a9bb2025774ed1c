"""A document as a download."""

import csv
from io import StringIO
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse

from billing.documents import pdf
from billing.documents.document import Document
from billing.export import guarded
from core.errors import Invalid

# Drawing a line takes some 6 ms, while everybody else waits for the processor.
MOST_LINES: Final = 2_000


def respond(document: Document, wanted: str) -> HttpResponse:
    """Give a document as ``pdf`` or ``csv``.

    :raises Invalid: it is wanted as anything else, or is too long to be drawn.
    """
    if wanted == "pdf":
        _require_drawable(document)
        issuer = urlsplit(settings.PUBLIC_URL).netloc
        return _file(pdf.render(document, issuer=issuer), "application/pdf", f"{document.name}.pdf")
    if wanted == "csv":
        return _file(as_csv(document), "text/csv; charset=utf-8", f"{document.name}.csv")
    raise Invalid(f"{wanted[:20]!r} is no format of this document.", hint="Use pdf or csv.")


def as_csv(document: Document) -> bytes:
    """Write a document's records, one a line, under the names of their fields."""
    written = StringIO()
    names = list(document.records[0]) if document.records else []
    writer = csv.writer(written)
    writer.writerow(names)
    for record in document.records:
        writer.writerow([guarded(record[name]) for name in names])
    return written.getvalue().encode()


def _require_drawable(document: Document) -> None:
    lines = sum(len(table.rows) for table in document.tables)
    if lines > MOST_LINES:
        raise Invalid(
            f"This document has {lines} lines, and a PDF {MOST_LINES} at most.",
            hint="Take it as CSV, or a month of it.",
        )


def _file(body: bytes, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
