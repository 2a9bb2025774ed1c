"""What must hold of the settings before anything starts."""

import re
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

GENESIS: Final = re.compile(r"0x[0-9a-f]{64}")


def chain_can_be_asked(**_: Any) -> list[CheckMessage]:
    """Refuse a real chain without what it takes; told by a worker each second it would be noticed late."""
    return [] if settings.MARKET_CHAIN == "local" else list(_of_a_real_chain())


def _of_a_real_chain() -> Iterator[CheckMessage]:
    endpoints = settings.MARKET_CHAIN_ENDPOINTS
    if not endpoints:
        yield Error(
            "MARKET_CHAIN=subtensor, and MARKET_CHAIN_ENDPOINTS names no endpoint.",
            hint="Name some, comma-separated: wss://one.example:443,wss://another.example:443.",
            id="billing.E001",
        )
    for number, endpoint in enumerate(endpoints, start=1):
        # An endpoint's address may hold a key: only its place in the list is told.
        if not endpoint.startswith(("ws://", "wss://")):
            yield Error(
                f"Endpoint {number} of MARKET_CHAIN_ENDPOINTS is no websocket address.",
                hint="It begins with wss://, or with ws:// on a network of your own.",
                id="billing.E002",
            )
    if not GENESIS.fullmatch(settings.MARKET_CHAIN_GENESIS):
        yield Error(
            "MARKET_CHAIN_GENESIS is no hash of a block.",
            hint="0x and 64 digits: ask the chain for chain_getBlockHash of block 0.",
            id="billing.E003",
        )
    if not settings.DEPOSIT_PUBLIC_KEY:
        yield Error(
            "MARKET_CHAIN=subtensor, and MARKET_DEPOSIT_PUBLIC_KEY is not set: nobody could pay.",
            hint="Make a deposit key and set its public half (docs/money.md, The real chain).",
            id="billing.E004",
        )
    if len(endpoints) == 1:
        yield Warning(
            "MARKET_CHAIN_ENDPOINTS names one endpoint: nothing would contradict it if it lied.",
            hint="Name three that different people run, or your own node.",
            id="billing.W001",
        )
