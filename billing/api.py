"""The renter API of billing: invoices in TAO and the state of the chain; refusals are in `billing.unoffered`."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from ninja import Router, Status

from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from accounts.principal import Principal
from billing import access, alpha_api, limits, rates, selectors, unoffered
from billing.models import ChainCursor, Invoice
from billing.schemas import ChainOut, InvoiceIn, InvoiceOut, invoice_out
from billing.services import checkout
from core import clock

router = Router(tags=["billing"])
router.add_router("", unoffered.router)
router.add_router("", alpha_api.router)


@router.post("/billing/invoices", response={201: InvoiceOut}, auth=KeyOrSession())
def create_invoice(request: HttpRequest, payload: InvoiceIn) -> Status[InvoiceOut]:
    """Make an invoice: an amount of TAO, held at a rate for half an hour, to an address of its own."""
    principal = caller(request)
    principal.require(Scope.BILLING)
    limits.invoice(principal.workspace)
    now = clock.now()
    invoice = checkout.open_invoice(
        principal=principal, usd=payload.amount_usd, rate=rates.current(now=now), now=now
    )
    return Status(201, _out(invoice))


@router.get("/billing/invoices/{uuid:invoice_id}", response=InvoiceOut, auth=KeyOrSession())
def get_invoice(request: HttpRequest, invoice_id: UUID) -> InvoiceOut:
    """Read an invoice and the transfers to it."""
    principal = caller(request)
    _require_money_or_read(principal)
    return _out(access.invoice_for(principal, invoice_id))


@router.get("/status/chain", response=ChainOut, auth=None)
def chain_status(request: HttpRequest) -> ChainOut:
    """Say how far the chain is read; unknown is null, never zero."""
    cursor = ChainCursor.objects.order_by("-read_at").first()
    return ChainOut(
        network=cursor.network if cursor else None,
        genesis=cursor.genesis if cursor else None,
        simulated=settings.MARKET_CHAIN == "local",
        height=cursor.best if cursor else None,
        finalized_height=cursor.number if cursor else None,
        read_at=clock.iso(cursor.read_at) if cursor else None,
    )


def _require_money_or_read(principal: Principal) -> None:
    # A key of the billing scope does nothing else, so it must be able to follow what it made.
    if Scope.BILLING not in principal.scopes:
        principal.require(Scope.READ)


def _out(invoice: Invoice) -> InvoiceOut:
    url = settings.PUBLIC_URL + reverse("invoice", args=[invoice.public_id])
    return invoice_out(invoice, list(selectors.deposits_of(invoice)), url=url)
