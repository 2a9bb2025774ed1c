"""What an invoice's page shows: how to pay, how far it is, and what an odd payment means."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import segno
from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from billing import selectors
from billing.models import (
    ChainCursor,
    Deposit,
    DepositStatus,
    Invoice,
    InvoiceStatus,
    OutgoingTransfer,
)
from core.money import rao_to_tao
from core.words import counted

WAITING: Final = frozenset({DepositStatus.UNMATCHED, DepositStatus.REFUND_REQUESTED})
Words = tuple[str, str, str]
HELD: Final[Words] = (
    "warn",
    "A transfer waits for us",
    "It could not be credited by itself; an administrator looks at it. Nothing is lost.",
)
UNDERPAID_AND_ENDED: Final[Words] = (
    "warn",
    "Less than asked has arrived, and this invoice has ended",
    "What came is credited: {credited}. The rate is not held any more: make another invoice for the rest. "
    "What still comes here is credited at the rate of its arrival.",
)
NOTICES: Final[Mapping[InvoiceStatus, Words]] = {
    InvoiceStatus.UNDERPAID: (
        "warn",
        "Less than asked has arrived",
        "What came is credited: {credited}. {missing} TAO are missing to the full amount.",
    ),
    InvoiceStatus.PAID: ("ok", "Paid", "{credited} is on your balance."),
    InvoiceStatus.OVERPAID: (
        "ok",
        "More than asked has arrived",
        "All of it is credited: {credited} is on your balance.",
    ),
    InvoiceStatus.DOUBLE: (
        "warn",
        "This invoice was paid more than once",
        "Every payment is credited: {credited} is on your balance.",
    ),
    InvoiceStatus.LATE: (
        "warn",
        "Paid after the end",
        "What came late is credited at the rate of its arrival: {credited} in all.",
    ),
    InvoiceStatus.EXPIRED: (
        "warn",
        "This invoice has ended",
        "The rate is not held any more. What still comes is credited at the rate of its arrival.",
    ),
}


def context(invoice: Invoice, *, now: datetime) -> dict[str, Any]:
    """Give what an invoice's page shows; the same for the page, a poll and a push."""
    deposits = list(selectors.deposits_of(invoice))
    cursor = ChainCursor.objects.order_by("-read_at").first()
    payable = invoice.is_payable(now)
    rao = invoice.missing_rao if payable else invoice.tao_amount_rao
    return {
        "invoice": invoice,
        "payable": payable,
        "rate_age": invoice.created_at - invoice.rate_observed_at,
        "qr_svg": qr(invoice.address) if payable else "",
        "amount_exact": f"{rao_to_tao(rao):f}",
        "notice": notice(invoice, deposits, payable=payable),
        "steps": steps(deposits, cursor),
        "transfers": [{"deposit": one, "amount": amount(one)} for one in deposits],
        "chain": {"height": cursor.best, "finalized_height": cursor.number} if cursor else None,
        "local_payment_url": _local_payment_url(invoice) if payable else "",
        "socket_path": f"/ws/invoices/{invoice.public_id}",
        "wallet": selectors.wallet(invoice.workspace),
    }


def qr(address: str) -> SafeString:
    """Draw an address as SVG, without a style attribute: the policy forbids those."""
    code = segno.make(address, error="m", micro=False)
    # The text is our own derived address in SS58, and segno writes nothing else into the picture.
    return mark_safe(code.svg_inline(border=0, omitsize=True, svgclass=None, lineclass=None))  # noqa: S308


def notice(
    invoice: Invoice, deposits: Sequence[Deposit], *, payable: bool
) -> dict[str, str] | None:
    """Say in words what an invoice's state means for who pays; None while there is nothing to say."""
    found = _words(invoice, deposits, payable=payable)
    if found is None:
        return None
    kind, title, text = found
    credited = sum((deposit.credited_usd or Decimal(0) for deposit in deposits), Decimal(0))
    words = text.format(credited=f"${credited:.2f}", missing=f"{rao_to_tao(invoice.missing_rao):f}")
    again = found in (UNDERPAID_AND_ENDED, NOTICES[InvoiceStatus.EXPIRED])
    return {
        "kind": kind,
        "title": title,
        "text": words,
        "url": reverse("checkout") if again else "",
        "action": "Make another" if again else "",
    }


def steps(deposits: Sequence[Deposit], cursor: ChainCursor | None) -> list[dict[str, Any]]:
    """Give the way of the newest transfer: seen, final, credited."""
    live = [one for one in deposits if one.status != DepositStatus.REPLACED]
    if not live:
        awaited = _step("Seen", "active", detail="Waiting for a transfer to the address.")
        return [awaited, _step("Final", "waiting"), _step("Credited", "waiting")]
    newest = live[0]
    seen = _step("Seen", "done", newest.seen_at, f"Block {newest.block_number}")
    if newest.status == DepositStatus.SEEN:
        return [
            seen,
            _step("Final", "active", detail=confirmations(newest, cursor)),
            _step("Credited", "waiting"),
        ]
    final = _step("Final", "done", newest.finalized_at)
    return [seen, final, _last_step(newest)]


def _last_step(deposit: Deposit) -> dict[str, Any]:
    if deposit.status == DepositStatus.REFUNDED:
        return _step("Sent back", "done", detail=f"To {deposit.sender}")
    if deposit.status in WAITING:
        return _step("Credited", "failed", detail="An administrator looks at it.")
    return _step("Credited", "done", deposit.finalized_at, f"${deposit.credited_usd:.2f}")


def _words(invoice: Invoice, deposits: Sequence[Deposit], *, payable: bool) -> Words | None:
    if any(deposit.status in WAITING for deposit in deposits):
        return HELD
    if invoice.status == InvoiceStatus.UNDERPAID and not payable:
        return UNDERPAID_AND_ENDED
    return NOTICES.get(InvoiceStatus(invoice.status))


def amount(moved: Deposit | OutgoingTransfer) -> str:
    """Write what came or goes, exactly."""
    number = f"{rao_to_tao(moved.amount_rao).normalize():f}"
    return f"{number} TAO" if moved.netuid is None else f"{number} alpha of subnet {moved.netuid}"


def confirmations(deposit: Deposit, cursor: ChainCursor | None) -> str:
    """Count the blocks on top of a transfer, its own included."""
    if cursor is None:
        return ""
    count = max(0, cursor.best - deposit.block_number + 1)
    return f"{counted(count, 'confirmation')} so far"


def _local_payment_url(invoice: Invoice) -> str:
    if settings.MARKET_CHAIN != "local":
        return ""
    return reverse("invoice_pay_with_test_tao", args=[invoice.public_id])


def _step(label: str, state: str, at: datetime | None = None, detail: str = "") -> dict[str, Any]:
    return {"label": label, "state": state, "at": at, "detail": detail}
