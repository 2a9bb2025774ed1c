"""The public coin of proofs: finalized blocks that nobody could know before they were there."""

import time
from typing import Final

from billing.chain.gateway import gateway
from billing.chain.port import Block as ChainBlock
from billing.chain.port import ChainUnavailable
from validation.proof.bundle.records import Block
from validation.verifier.chain import ChainError, FoundBlock

POLL_SECONDS: Final = 0.25
# Some blocks of the real chain, which makes one in twelve seconds and finalizes it some blocks later.
PATIENCE_SECONDS: Final = 90.0


def newest() -> Block:
    """Give the newest finalized block.

    :raises ChainUnavailable: the chain does not answer.
    """
    return _record(_newest())


def newest_with_time() -> tuple[Block, int]:
    """Give the newest finalized block and when it was made, in microseconds since 1970.

    :raises ChainUnavailable: the chain does not answer.
    """
    found = _newest()
    return _record(found), time_us(found)


def later(than: Block, after_us: int) -> Block:
    """Wait for a finalized block that is later than another and was made after a time (microseconds since 1970).

    :raises ChainUnavailable: none came in time.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := _newest()).number <= than.number or time_us(found) < after_us:
        if time.monotonic() > deadline:
            raise ChainUnavailable(
                f"No later block than {than.number} was finalized within {PATIENCE_SECONDS:.0f} s.",
                hint="Look at the chain on the status page.",
            )
        time.sleep(POLL_SECONDS)
    return _record(found)


class OurChain:
    """The market's chain as a verifier looks blocks up."""

    def block(self, number: int) -> FoundBlock | None:
        """Find a block by its number.

        :raises ChainError: there is no answer.
        """
        try:
            found = gateway().block(number)
        except ChainUnavailable as error:
            raise ChainError(error.message) from error
        return FoundBlock(_hash(found), time_us(found))


def time_us(block: ChainBlock) -> int:
    """Give a block's time in microseconds since 1970."""
    return round(block.at.timestamp() * 1_000_000)


def _newest() -> ChainBlock:
    chain = gateway()
    return chain.block(chain.heads().finalized)


def _record(block: ChainBlock) -> Block:
    network = gateway().network()
    chain = f"{network.name} {network.genesis.removeprefix('0x')}"
    return Block(chain=chain, number=block.number, hash=_hash(block))


def _hash(block: ChainBlock) -> bytes:
    return bytes.fromhex(block.hash.removeprefix("0x"))
