"""Renters as they pay: the news of each payment that is on the balance."""

from datetime import datetime
from decimal import Decimal

from billing.models import Deposit
from billing.services.deposit_postings import currency_of
from core import clock
from core.money import rao_to_tao
from marketplace import outbox

CREDITED = "deposit.credited"


def tell(deposit: Deposit, *, now: datetime) -> None:
    """Tell whose balance it is that a payment is on it, once this transaction commits."""
    workspace = deposit.credited_workspace
    if workspace is None or deposit.credited_usd is None:
        return
    amount = f"{rao_to_tao(deposit.amount_rao):f} {currency_of(deposit)}"
    text = f"{amount} ({deposit.credited_usd:.2f} USD) are on your balance."
    outbox.tell(
        workspace, kind=CREDITED, event={"text": text, "deposit": _payload(deposit)}, now=now
    )


def _payload(deposit: Deposit) -> dict[str, object]:
    observed, invoice = deposit.rate_observed_at, deposit.invoice
    return {
        "id": str(deposit.public_id),
        "status": deposit.status,
        "amount": f"{rao_to_tao(deposit.amount_rao):f}",
        "asset": currency_of(deposit),
        "usd": f"{deposit.credited_usd:f}",
        "usd_per_tao": _or_none(deposit.rate_usd_per_tao),
        "tao_per_alpha": _or_none(deposit.tao_per_alpha),
        "rate_observed_at": clock.iso(observed) if observed else None,
        "sender": deposit.sender,
        "block": deposit.block_number,
        "extrinsic": deposit.extrinsic_hash,
        "invoice": str(invoice.public_id) if invoice else None,
    }


def _or_none(figure: Decimal | None) -> str | None:
    return None if figure is None else f"{figure:f}"
