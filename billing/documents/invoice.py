"""An invoice to keep: what was asked at which rate, and what came."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.documents.document import Column, Document, Table, moment, tao, usd
from billing.models import Deposit, Invoice
from billing.services.deposit_postings import asset_of
from core import clock
from core.money import rao_to_tao

COLUMNS = (
    Column(title="When (UTC)", width=30),
    Column(title="Block", width=18, number=True),
    Column(title="From", width=58),
    Column(title="State", width=22),
    Column(title="Amount", width=28, number=True),
    Column(title="USD for 1 TAO", width=20, number=True),
    Column(title="USD", width=20, number=True),
)


def invoice_document(invoice: Invoice, deposits: Sequence[Deposit], *, now: datetime) -> Document:
    """Write an invoice with the transfers to it."""
    credited = sum((one.credited_usd or Decimal(0) for one in deposits), Decimal(0))
    age = max(0, int((invoice.created_at - invoice.rate_observed_at).total_seconds()))
    return Document(
        name=f"invoice-{invoice.public_id}",
        title=f"Invoice over {usd(invoice.usd_amount)} USD",
        made_at=now,
        facts=[
            ("Invoice", str(invoice.public_id)),
            ("For", f"{invoice.workspace.name}, {invoice.workspace.public_id}"),
            ("State", invoice.get_status_display()),
            ("Made", moment(invoice.created_at)),
            ("Rate held until", moment(invoice.expires_at)),
            (
                "Asked",
                f"{usd(invoice.usd_amount)} USD = {tao(rao_to_tao(invoice.tao_amount_rao))} TAO",
            ),
            (
                "Rate",
                f"1 TAO = {usd(invoice.rate_usd_per_tao)} USD, from {invoice.rate_source}, observed "
                f"{moment(invoice.rate_observed_at)}, {age} s before the invoice was made",
            ),
            ("Address", invoice.address),
            ("Paid", f"{tao(rao_to_tao(invoice.paid_rao))} TAO"),
            ("Credited", f"{usd(credited)} USD, all that came to the address"),
        ],
        tables=[Table(title="Transfers", columns=COLUMNS, rows=[_row(one) for one in deposits])],
        notes=[
            "A transfer counts once its block is final. In time it is credited at the rate above, later at the rate of "
            "its arrival; each line has its own.",
        ],
        records=[_record(invoice, one) for one in deposits] or [_record(invoice, None)],
    )


def _row(deposit: Deposit) -> list[str]:
    return [
        f"{deposit.block_at:%Y-%m-%d %H:%M:%S}",
        str(deposit.block_number),
        deposit.sender,
        deposit.get_status_display(),
        f"{tao(rao_to_tao(deposit.amount_rao))} {asset_of(deposit)}",
        usd(deposit.rate_usd_per_tao),
        usd(deposit.credited_usd),
    ]


def _record(invoice: Invoice, deposit: Deposit | None) -> Mapping[str, str]:
    asked = {
        "invoice": str(invoice.public_id),
        "status": invoice.status,
        "made_at": clock.iso(invoice.created_at) or "",
        "asked_usd": f"{invoice.usd_amount:.9f}",
        "asked_tao": tao(rao_to_tao(invoice.tao_amount_rao)),
        "usd_per_tao": f"{invoice.rate_usd_per_tao:.9f}",
        "rate_source": invoice.rate_source,
        "rate_observed_at": clock.iso(invoice.rate_observed_at) or "",
    }
    return asked | {
        "block_at": (clock.iso(deposit.block_at) or "") if deposit else "",
        "block_hash": deposit.block_hash if deposit else "",
        "event_index": str(deposit.event_index) if deposit else "",
        "sender": deposit.sender if deposit else "",
        "deposit_status": deposit.status if deposit else "",
        "amount": tao(rao_to_tao(deposit.amount_rao)) if deposit else "",
        "asset": asset_of(deposit) if deposit else "",
        "credited_usd": f"{deposit.credited_usd:.9f}" if deposit and deposit.credited_usd else "",
        "credited_usd_per_tao": f"{deposit.rate_usd_per_tao:.9f}"
        if deposit and deposit.rate_usd_per_tao
        else "",
    }
