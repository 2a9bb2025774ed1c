"""The sources that this market has, by its settings."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from billing.chain.local.gateway import LocalChainGateway
from billing.rates.chain import SIMULATED, ChainSource
from billing.rates.feeds import Feed
from billing.rates.port import Source
from core import outbound

NEEDED: Final = {"name", "url", "price"}
KNOWN: Final = NEEDED | {"time"}
LONGEST_NAME: Final = 60


def sources() -> Sequence[Source]:
    """Give every source of the price.

    :raises ImproperlyConfigured: MARKET_RATE_FEEDS holds something that is no feed.
    """
    found: list[Source] = [_feed(given) for given in settings.MARKET_RATE_FEEDS]
    if settings.MARKET_CHAIN == "local":
        found.insert(0, ChainSource(LocalChainGateway(), SIMULATED, simulated=True))
    if len({source.name for source in found}) < len(found):
        raise ImproperlyConfigured("MARKET_RATE_FEEDS names two feeds alike.")
    return found


def _feed(given: Mapping[str, Any]) -> Feed:
    if not NEEDED <= given.keys() <= KNOWN or not all(isinstance(v, str) for v in given.values()):
        raise ImproperlyConfigured(
            f"MARKET_RATE_FEEDS: a feed has {', '.join(sorted(NEEDED))} and may have time, each a text."
        )
    if not 0 < len(given["name"]) <= LONGEST_NAME:
        raise ImproperlyConfigured(f"MARKET_RATE_FEEDS: a name has 1 to {LONGEST_NAME} characters.")
    trial = settings.MARKET_CHAIN == "local"
    for pointer in (given["price"], given.get("time", "")):
        if pointer and not pointer.startswith("/"):
            raise ImproperlyConfigured(
                f"MARKET_RATE_FEEDS: {given['name']}: {pointer!r} is no JSON Pointer, such as /bittensor/usd."
            )
    try:
        outbound.target(given["url"], trial=trial)
    except outbound.AddressRefused as error:
        raise ImproperlyConfigured(f"MARKET_RATE_FEEDS: {given['name']}: {error}") from error
    return Feed(**given, trial=trial)
