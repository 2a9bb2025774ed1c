"""What the receipt page shows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.documents.document import in_tao, rate_words
from billing.rates import Rate
from rentals.models import Pod
from rentals.services import receipts


def receipt_page(pod: Pod, *, rate: Rate | None, now: datetime) -> dict[str, Any]:
    """Give the receipt of an ended pod with its evidence, and each line of the quote against its charge."""
    view = receipts.read(pod)
    receipt = view.receipt
    receipt.lines = [_charged(line) for line in receipt.lines]
    return {
        "pod": pod,
        "receipt": receipt,
        "ready": timedelta(seconds=float(receipt.ready_seconds)),
        "quote_differences": _differences(pod, receipt.lines),
        "charged_tao": in_tao(receipt.charged_usd, rate),
        "rate_words": rate_words(rate, now=now),
        "intervals": view.intervals,
    }


def _charged(line: Mapping[str, Any]) -> dict[str, Any]:
    """Write a line of the receipt in the words of a line of the quote."""
    return {
        **line,
        "quantity": f"{Decimal(line['charged_quantity']):f}",
        "amount_usd": _amount(line["charged_usd"]),
        "quoted_quantity": f"{Decimal(line['quoted_quantity']):f}",
        "quoted_usd": _amount(line["quoted_usd"]),
        "rate_usd": _amount(line["rate_usd"]),
    }


def _differences(pod: Pod, lines: list[dict[str, Any]]) -> list[str]:
    """Name each rate that is not the quoted one; quantities are what was used, not a promise."""
    quoted = {line["item"]: _amount(line["rate_usd"]) for line in pod.quote.lines}
    charged = {line["item"]: line["rate_usd"] for line in lines}
    return [
        f"{item}: quoted {quoted.get(item)}, charged {rate}"
        for item, rate in charged.items()
        if rate != quoted.get(item)
    ]


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
