"""A receipt to keep: the quote against the charge, line by line."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from billing.documents.document import (
    UNKNOWN,
    Column,
    Document,
    Table,
    in_tao,
    moment,
    rate_words,
    usd,
)
from billing.rates import Rate
from core import clock
from rentals.models import Pod, Receipt

COLUMNS: Final = (
    Column(title="Item", width=50),
    Column(title="Rate, USD", width=26, number=True),
    Column(title="Quoted", width=24, number=True),
    Column(title="Quoted, USD", width=26, number=True),
    Column(title="Charged", width=28, number=True),
    Column(title="Charged, USD", width=28, number=True),
)


def receipt_document(pod: Pod, *, rate: Rate | None, now: datetime) -> Document:
    """Write an ended pod's receipt; amounts in TAO are at the present rate, because the charge was in USD."""
    receipt = pod.receipt
    ready = timedelta(seconds=float(receipt.ready_seconds))
    return Document(
        name=f"receipt-{receipt.public_id}",
        title=f"Receipt of {pod.name}",
        made_at=now,
        facts=[
            ("Receipt", str(receipt.public_id)),
            ("For", f"{pod.workspace.name}, {pod.workspace.public_id}"),
            ("Pod", f"{pod.name}, {pod.public_id}"),
            (
                "Machine",
                f"{pod.gpu_count} x {pod.node.gpu_model.short_name} on {pod.node.huid}",
            ),
            ("Created", moment(pod.created_at)),
            ("Ready", moment(pod.ready_at) if pod.ready_at else "never"),
            ("Ended", moment(receipt.created_at)),
            ("Ready time", f"{ready} ({receipt.ready_seconds:f} s)"),
            ("Price", f"{usd(receipt.hourly_price_usd, places=4)} USD an hour, by the second"),
            ("Quote", str(pod.quote.public_id)),
            (
                "Charged",
                f"{receipt.charged_usd:.9f} USD = {in_tao(receipt.charged_usd, rate)} TAO",
            ),
            ("Rate", rate_words(rate, now=now)),
            ("Why it ended", receipt.close_reason or UNKNOWN),
        ],
        tables=[
            Table(
                title="The quote against the charge",
                columns=COLUMNS,
                rows=[*(_row(line) for line in receipt.lines), _total(receipt)],
                totalled=True,
            )
        ],
        notes=["Charged = hourly price x ready seconds ÷ 3600, rounded once to nine places."],
        records=[_record(pod, receipt, line, rate) for line in receipt.lines],
    )


def _row(line: Mapping[str, Any]) -> list[str]:
    unit = f" / {line['unit']}" if line["unit"] else ""
    return [
        str(line["item"]).capitalize(),
        f"{line['rate_usd']}{unit}" if line["rate_usd"] is not None else UNKNOWN,
        str(line["quoted_quantity"]),
        _text(line["quoted_usd"]) or UNKNOWN,
        str(line["charged_quantity"]),
        _text(line["charged_usd"]),
    ]


def _total(receipt: Receipt) -> list[str]:
    return ["Charged", "", "", "", "", f"{receipt.charged_usd:.9f}"]


def _record(
    pod: Pod, receipt: Receipt, line: Mapping[str, Any], rate: Rate | None
) -> Mapping[str, str]:
    return {
        "receipt": str(receipt.public_id),
        "pod": str(pod.public_id),
        "ended_at": clock.iso(receipt.created_at) or "",
        "ready_seconds": f"{receipt.ready_seconds:f}",
        "item": str(line["item"]),
        "unit": str(line["unit"]),
        "rate_usd": _text(line["rate_usd"]),
        "quoted_quantity": str(line["quoted_quantity"]),
        "quoted_usd": _text(line["quoted_usd"]),
        "charged_quantity": str(line["charged_quantity"]),
        "charged_usd": _text(line["charged_usd"]),
        "charged_tao": in_tao(Decimal(line["charged_usd"]), rate) if rate else "",
        "usd_per_tao": f"{rate.usd_per_tao:.9f}" if rate else "",
        "rate_source": rate.source if rate else "",
        "rate_observed_at": (clock.iso(rate.observed_at) or "") if rate else "",
    }


def _text(amount: str | None) -> str:
    return "" if amount is None else f"{Decimal(amount):f}"
