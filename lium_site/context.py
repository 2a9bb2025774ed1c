"""What every page shows: the kind of market, and the signed-in workspace's balance and runway."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import Workspace
from billing import chain_state
from billing.selectors import Wallet, wallet
from core import clock, request_context
from marketplace.models import Node, Provider
from rentals.services import ladder


def market(request: HttpRequest) -> dict[str, Any]:
    """Give the frame of a page; balance and runway are read only when a template shows them."""
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated
    return {
        "chain_simulated": settings.MARKET_CHAIN == "local",
        "chain_unknown_since": SimpleLazyObject(chain_unknown_since),
        "gpus_simulated": SimpleLazyObject(some_gpus_are_simulated),
        "incident": settings.MARKET_INCIDENT,
        "request_id": request_context.current().request_id,
        "low_balance": SimpleLazyObject(lambda: low_balance(user)) if signed_in else None,
        "wallet": SimpleLazyObject(lambda: wallet_of(user)) if signed_in else None,
        "provides": SimpleLazyObject(lambda: provides(user)) if signed_in else False,
    }


def chain_unknown_since() -> datetime | None:
    """Say since when the chain could not be read."""
    return chain_state.unknown_since(now=clock.now())


def some_gpus_are_simulated() -> bool:
    """Say whether a simulated node is on the market; asked once a minute a process."""
    return bool(
        cache.get_or_set("market:simulated", Node.objects.filter(simulated=True).exists, 60)
    )


def low_balance(user: Any) -> ladder.Banner | None:
    """Say what a low balance leads to; None while it is not low."""
    return ladder.banner_of(user, now=clock.now())


def provides(user: Any) -> bool:
    """Say whether a person's workspace provides machines."""
    own = Provider.objects.filter(workspace__owner=user, workspace__is_personal=True)
    return own.exists()


def wallet_of(user: Any) -> Wallet:
    """Give the balance of a person's workspace."""
    return wallet(Workspace.objects.get(owner=user, is_personal=True))
