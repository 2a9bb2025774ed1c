"""Rails of the published client that are not here: each refusal names the one that is.

They refuse before the client signs or sends anything: its plain `lium fund` would pay an address of another platform.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from ninja import Router

from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from core.errors import DomainError, NotFound

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


@router.get("/tao/pay/wallet/available-wallets/{customer_id}", response=list[dict[str, Any]])
def no_wallets(request: HttpRequest, customer_id: str) -> list[dict[str, Any]]:
    """List linked wallets: none, because an invoice needs no link."""
    caller(request)
    return []


@router.get("/tao/pay/token/generate", response=dict[str, Any])
@router.post("/tao/pay/token/verify", response=dict[str, Any])
@router.post("/tao/create-transfer", response=dict[str, Any])
def no_wallet_link(request: HttpRequest) -> None:
    """Refuse to link a wallet."""
    caller(request)
    raise RailNotOffered("transfers from a linked wallet (`lium fund`)")


@router.get("/tao/pay/balance/alpha/subnets", response=dict[str, Any])
@router.get("/tao/pay/balance/convert/alpha", response=dict[str, Any])
def no_alpha(request: HttpRequest) -> None:
    """Refuse a payment in a subnet's alpha."""
    caller(request)
    raise RailNotOffered("alpha")


@router.get("/tao/pay/wallet/company/", response=dict[str, Any])
def no_company_wallet(request: HttpRequest) -> None:
    """Say that there is no one wallet for everybody."""
    caller(request)
    refusal = RailNotOffered("transfers to one common wallet")
    raise NotFound(refusal.message, hint=refusal.hint, data=refusal.data)


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
