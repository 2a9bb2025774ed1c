"""Rails of the published client that are not here: each refusal names the one that is."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from ninja import Router

from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from core.errors import DomainError

router = Router(tags=["not offered"], auth=KeyOrSession())


class RailNotOffered(DomainError):
    """A way to pay that this market does not take."""

    code = "not_offered"

    def __init__(self, what: str) -> None:
        address = settings.PUBLIC_URL + reverse("checkout")
        super().__init__(
            f"This market does not take {what}. Add TAO at {address}: it gives you an address of your own.",
            hint=f"Open {address}, or POST /billing/invoices with amount_usd.",
            data={"checkout_url": address},
        )


@router.get("/tmc-pay/currencies", response=dict[str, Any])
def no_stablecoins(request: HttpRequest) -> None:
    """Refuse stablecoins."""
    caller(request)
    raise RailNotOffered("stablecoins")


@router.post("/tmc-pay/create-invoice", response=dict[str, Any])
def no_stablecoin_invoice(request: HttpRequest) -> None:
    """Refuse a stablecoin invoice."""
    caller(request).require(Scope.BILLING)
    raise RailNotOffered("stablecoins")


@router.post("/stripe/create-checkout-session", response=dict[str, Any])
@router.post("/payments/topup", response=dict[str, Any])
def no_cards(request: HttpRequest) -> None:
    """Refuse cards; nothing is charged."""
    caller(request).require(Scope.BILLING)
    raise RailNotOffered("cards")
