"""The public coin of proofs: a finalized block that nobody could know before it was there."""

import time
from dataclasses import dataclass
from typing import Final

from billing.chain.gateway import gateway
from billing.chain.port import ChainUnavailable

POLL_SECONDS: Final = 0.25
# Some blocks of the real chain, which makes one in twelve seconds.
PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """A block: its chain (name and genesis), its number, and its hash in hexadecimal without 0x."""

    chain: str
    number: int
    hash: str


def newest() -> Beacon:
    """Give the newest finalized block.

    :raises ChainUnavailable: the chain does not answer.
    """
    chain = gateway()
    network, number = chain.network(), chain.heads().finalized
    block = chain.block(number)
    genesis = network.genesis.removeprefix("0x")
    return Beacon(
        chain=f"{network.name} {genesis}"[:80], number=number, hash=block.hash.removeprefix("0x")
    )


def later_than(beacon: Beacon, *, patience_seconds: float = PATIENCE_SECONDS) -> Beacon:
    """Wait for a finalized block after another one.

    :raises ChainUnavailable: none came in time.
    """
    deadline = time.monotonic() + patience_seconds
    while (found := newest()).number <= beacon.number:
        if time.monotonic() > deadline:
            raise ChainUnavailable(
                f"No block was finalized after {beacon.number} within {patience_seconds:.0f} s.",
                hint="Look at the chain on the status page.",
            )
        time.sleep(POLL_SECONDS)
    return found
