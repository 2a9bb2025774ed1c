"""The choice of the chain's side, by settings."""

from functools import lru_cache

from django.conf import settings

from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import ChainGateway
from billing.chain.subtensor.config import Config
from billing.chain.subtensor.gateway import SubtensorGateway


def gateway() -> ChainGateway:
    """Give the chain of this market; nothing is asked of it before a method is called."""
    if settings.MARKET_CHAIN == "local":
        return LocalChainGateway()
    return _subtensor(
        Config(
            endpoints=tuple(settings.MARKET_CHAIN_ENDPOINTS),
            genesis=settings.MARKET_CHAIN_GENESIS,
            timeout=settings.MARKET_CHAIN_TIMEOUT_SECONDS,
            rate=settings.MARKET_CHAIN_REQUESTS_PER_SECOND,
            lag=settings.MARKET_CHAIN_LAG,
        )
    )


@lru_cache(maxsize=1)
def _subtensor(config: Config) -> SubtensorGateway:
    """Keep one for the process: it remembers runtimes, connections and which endpoints are well."""
    return SubtensorGateway(config)
