"""What the pages of deposits show: the workspace's address, each transfer with its state in words, and its way."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.core.paginator import Paginator
from django.urls import reverse

from accounts.models import Workspace
from billing import invoice_page, selectors
from billing.models import (
    OPEN_TRANSFERS,
    ChainCursor,
    Deposit,
    DepositStatus,
    LinkedColdkey,
    OutgoingTransfer,
    StandingAddress,
)
from billing.rates import Rate
from billing.reasons import words_of
from billing.services import alpha, checkout, standing
from core.errors import DomainError
from core.money import rao_to_tao

PER_PAGE: Final = 50
# What each state means to who paid; a held one has its reason's own words.
WORDS: Final = {
    DepositStatus.REPLACED: "Its block was replaced before it was final. If the transfer is taken into another "
    "block, it is listed again; nothing was credited.",
    DepositStatus.CREDITED: "{usd} is on your balance.",
    DepositStatus.SETTLED: "It was credited by hand: {usd} is on your balance.",
    DepositStatus.REFUND_REQUESTED: "It is to be sent back to {sender}, once a second administrator has approved that.",
    DepositStatus.REFUNDED: "It was sent back to {sender}.",
}


def overview(
    workspace: Workspace, *, rate: Rate | None, page: str, now: datetime
) -> dict[str, Any]:
    """Give the page of deposits."""
    address, refusal = _address(workspace, now=now)
    return {
        "address": address,
        "refusal": refusal,
        "qr_svg": invoice_page.qr(address.address) if address else "",
        "rate": rate,
        "smallest_tao": f"{settings.MARKET_MIN_DEPOSIT_TAO.normalize():f}",
        "coldkeys": LinkedColdkey.objects.filter(workspace=workspace).order_by("pk"),
        "treasury": settings.TREASURY_ADDRESS,
        "takes_alpha": bool(settings.MARKET_ALPHA_SUBNETS and settings.TREASURY_ADDRESS),
        "test_payment_url": reverse("deposit_test_tao")
        if address and settings.MARKET_CHAIN == "local"
        else "",
        "socket_path": "/ws/deposits",
        **live(workspace, page=page),
    }


def live(workspace: Workspace, *, page: str = "1") -> dict[str, Any]:
    """Give what the page of deposits pushes: the transfers, with their confirmations."""
    cursor = ChainCursor.objects.order_by("-read_at").first()
    deposits = Paginator(selectors.deposits_for(workspace), PER_PAGE).get_page(page)
    return {
        "deposits": deposits,
        "rows": [described(deposit, cursor) for deposit in deposits],
        "wallet": selectors.wallet(workspace),
    }


def detail(deposit: Deposit, workspace: Workspace) -> dict[str, Any]:
    """Give the page of one deposit."""
    cursor = ChainCursor.objects.order_by("-read_at").first()
    return {
        **described(deposit, cursor),
        "steps": invoice_page.steps([deposit], cursor),
        "events": deposit.events.order_by("-pk"),
        "refunds": [_refund(row) for row in deposit.refunds.order_by("-pk")],
        "socket_path": f"/ws/deposits/{deposit.public_id}",
        "wallet": selectors.wallet(workspace),
    }


def described(deposit: Deposit, cursor: ChainCursor | None) -> dict[str, Any]:
    """Give a deposit with what it is and what its state means."""
    return {
        "deposit": deposit,
        "amount": invoice_page.amount(deposit),
        "to": _way(deposit),
        "words": words(deposit, cursor),
    }


def words(deposit: Deposit, cursor: ChainCursor | None) -> str:
    """Say what a deposit's state means to who paid."""
    status = DepositStatus(deposit.status)
    if status == DepositStatus.SEEN:
        return invoice_page.confirmations(deposit, cursor) + "; it counts once its block is final."
    if status == DepositStatus.UNMATCHED:
        return words_of(deposit.held_for) or "An administrator decides."
    if status == DepositStatus.REFUND_REQUESTED and _is_approved(deposit):
        return f"It is being sent back to {deposit.sender}."
    usd = f"${deposit.credited_usd or Decimal(0):.2f}"
    return WORDS[status].format(usd=usd, sender=deposit.sender)


def _is_approved(deposit: Deposit) -> bool:
    return deposit.refunds.filter(status__in=OPEN_TRANSFERS).exists()


def _refund(row: OutgoingTransfer) -> dict[str, Any]:
    """Give a refund as its sender can follow it on the chain; why it waits is the operators' to read."""
    return {
        "status": row.status,
        "amount": invoice_page.amount(row),
        "fee_tao": f"{rao_to_tao(row.fee_rao).normalize():f}" if row.netuid is None else "",
        "extrinsic_hash": row.extrinsic_hash,
        "block_number": row.block_number,
    }


def alpha_page(workspace: Workspace, *, quotes: Sequence[alpha.AlphaQuote]) -> dict[str, Any]:
    """Give the page of paying in alpha."""
    return {
        "quotes": quotes,
        "netuids": settings.MARKET_ALPHA_SUBNETS,
        "treasury": settings.TREASURY_ADDRESS,
        "coldkeys": LinkedColdkey.objects.filter(workspace=workspace).order_by("pk"),
        "api_url": f"{settings.PUBLIC_URL}/api",
    }


def _address(
    workspace: Workspace, *, now: datetime
) -> tuple[StandingAddress | None, DomainError | None]:
    try:
        return standing.address_of(workspace, now=now), None
    except checkout.CheckoutUnavailable as error:
        return None, error


def _way(deposit: Deposit) -> str:
    if deposit.invoice is not None:
        return "an invoice"
    return "your address" if deposit.standing_address is not None else "the treasury"
