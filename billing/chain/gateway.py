"""The choice of the chain's side, by settings."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import ChainGateway


def gateway() -> ChainGateway:
    """Give the chain of this market.

    :raises ImproperlyConfigured: MARKET_CHAIN names a side that is not built yet.
    """
    if settings.MARKET_CHAIN == "local":
        return LocalChainGateway()
    raise ImproperlyConfigured(
        f"MARKET_CHAIN={settings.MARKET_CHAIN} has no gateway yet: this version pays on the local chain only."
    )
