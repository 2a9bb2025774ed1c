"""What leaves through the API, in the published client's names, types and units."""

from rentals.wire.charges import receipt, record, statement
from rentals.wire.offers import estimate, quote, rented, selected, selection, template
from rentals.wire.pods import event, log_lines, pods

__all__ = [
    "estimate",
    "event",
    "log_lines",
    "pods",
    "quote",
    "receipt",
    "record",
    "rented",
    "selected",
    "selection",
    "statement",
    "template",
]
