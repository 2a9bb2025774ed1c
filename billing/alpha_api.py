"""Paying in alpha with the published client: linking a coldkey, and what alpha is worth (docs/adr/0009).

`lium fund` and `lium fund --alpha` register a wallet with the same calls, and the first then pays an address of another
platform. So registration is open to keys of the `alpha` scope alone: such a key reads no balance, which plain
`lium fund` reads first, and fails on.
"""

from decimal import ROUND_UP, Decimal
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from ninja import Query, Router

from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from accounts.principal import Principal
from billing import limits
from billing.chain.gateway import gateway
from billing.models import LinkedColdkey
from billing.schemas import AlphaQuoteIn, AlphaQuoteOut, AlphaSubnetsOut, ColdkeyProofIn
from billing.services import alpha, coldkeys
from billing.unoffered import RailNotOffered
from core import clock
from core.errors import DomainError, NotFound
from core.money import QUANTUM

router = Router(tags=["alpha"], auth=KeyOrSession())
APP_ID: Final = "market"
VERSION_HEADER: Final = "X-Lium-Client-Version"
# Versions whose plain `lium fund` was read to ask for the balance first; tests/billing/test_alpha_client.py holds it.
CHECKED_CLIENTS: Final = frozenset({"0.32.0"})


class AlphaKeyNeeded(DomainError):
    """Wallets are linked by keys of the `alpha` scope alone."""

    code = "alpha_key_needed"


@router.get("/tao/pay/wallet/available-wallets/{customer_id}", response=list[dict[str, str]])
def available_wallets(request: HttpRequest, customer_id: str) -> list[dict[str, str]]:
    """List the workspace's coldkeys, to a key for alpha; to any other none, so that plain `lium fund` stops."""
    principal = caller(request)
    if not _may_link(request, principal):
        return []
    if customer_id != _customer_id(principal):
        raise NotFound("There is no such customer, or it is not you.")
    rows = LinkedColdkey.objects.filter(workspace=principal.workspace).order_by("pk")
    return [{"wallet_hash": row.address} for row in rows]


@router.get("/tao/pay/token/generate", response=dict[str, str])
def generate_token(request: HttpRequest) -> dict[str, str]:
    """Give the text that a coldkey is to sign."""
    principal = _linking(request)
    return {"access_key": coldkeys.challenge(principal.workspace, now=clock.now())}


@router.post("/tao/create-transfer", response=dict[str, str])
def create_transfer(request: HttpRequest) -> dict[str, str]:
    """Name this market and the workspace as the client passes them on."""
    principal = _linking(request)
    query = urlencode({"app_id": APP_ID, "customer_id": _customer_id(principal)})
    return {"url": f"{settings.PUBLIC_URL}{reverse('alpha')}?{query}"}


@router.post("/tao/pay/token/verify", response=dict[str, str])
def verify_token(request: HttpRequest, payload: ColdkeyProofIn) -> dict[str, str]:
    """Link a coldkey that signed the text."""
    coldkeys.link(
        principal=_linking(request),
        address=payload.coldkey_address,
        message=payload.access_key,
        signature=payload.signature,
        now=clock.now(),
    )
    return {"status": "ok"}


@router.get("/tao/pay/wallet/company/", response=dict[str, str])
def company_wallet(request: HttpRequest) -> dict[str, str]:
    """Give the coldkey that alpha is sent to."""
    caller(request)
    if not settings.TREASURY_ADDRESS or not settings.MARKET_ALPHA_SUBNETS:
        raise NotFound(f"{RailNotOffered('alpha').message}")
    return {"wallet_hash": settings.TREASURY_ADDRESS}


@router.get("/tao/pay/balance/alpha/subnets", response=AlphaSubnetsOut)
def alpha_subnets(request: HttpRequest) -> dict[str, Any]:
    """List the subnets whose alpha is taken."""
    caller(request)
    netuids = alpha.accepted()
    return {"subnets": [{"netuid": netuid} for netuid in netuids], "primary": netuids[0]}


@router.get("/tao/pay/balance/convert/alpha", response=AlphaQuoteOut)
def convert_alpha(request: HttpRequest, asked: Query[AlphaQuoteIn]) -> dict[str, Any]:
    """Say how much alpha is worth an amount in USD now; what is credited is its worth when it is final."""
    limits.alpha_quote(caller(request).workspace)
    quote = alpha.quote(gateway(), netuid=asked.netuid, now=clock.now())
    converted = (asked.amount / quote.usd_per_alpha).quantize(QUANTUM, rounding=ROUND_UP)
    return {
        "original": _text(asked.amount),
        "converted": _text(converted),
        "rate": _text(quote.usd_per_alpha),
        "netuid": quote.netuid,
    }


def _linking(request: HttpRequest) -> Principal:
    principal = caller(request)
    if _may_link(request, principal):
        return principal
    page = settings.PUBLIC_URL + reverse("alpha")
    raise AlphaKeyNeeded(
        "A wallet is linked here with a key of the `alpha` scope and `lium fund --alpha` only: plain `lium fund` pays "
        f"an address of another platform. {page} makes such a key; TAO goes to an address of your own, "
        f"{settings.PUBLIC_URL + reverse('checkout')}.",
        hint=f"Open {page}.",
        data={"alpha_url": page},
    )


def _may_link(request: HttpRequest, principal: Principal) -> bool:
    checked = request.headers.get(VERSION_HEADER, "") in CHECKED_CLIENTS
    return checked and principal.scopes == {Scope.ALPHA}


def _customer_id(principal: Principal) -> str:
    return f"cus_{principal.workspace.public_id.hex}"


def _text(amount: Decimal) -> str:
    return f"{amount:f}"
