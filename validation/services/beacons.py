"""The public coin of proofs: finalized blocks that nobody could know before they were there."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from math import ceil
from typing import Final

from billing.chain.gateway import gateway
from billing.chain.port import Block as ChainBlock
from billing.chain.port import ChainUnavailable
from core import clock
from validation.proof.bundle.records import Block
from validation.verifier.chain import ChainError, FoundBlock

# How often somebody who waits looks, and how often any of them asks the chain.
LOOK_SECONDS: Final = 0.1
MOST_POLL_SECONDS: Final = 4.0
# Some blocks of the real chain, which makes one in twelve seconds and finalizes it some blocks later.
PATIENCE_SECONDS: Final = 90.0
# A block is final some three blocks after its own time, and each process finds out within a poll. Then all begin, whichever
# saw it first: one card shall not serve one process after another.
BEGIN_AFTER_BLOCKS: Final = 4


class TooLate(Exception):
    """The block was there before anybody waited for it."""


class _Newest:
    """The newest finalized block, asked for once for all who wait in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: ChainBlock | None = None
        self._until = 0.0

    def __call__(self) -> ChainBlock:
        with self._lock:
            if self._found is None or time.monotonic() >= self._until:
                self._found = newest()
                third = float(gateway().network().block_seconds) / 3
                self._until = time.monotonic() + min(third, MOST_POLL_SECONDS)
            return self._found


_newest_for_all: Final = _Newest()


def newest() -> ChainBlock:
    """Give the newest finalized block.

    :raises ChainUnavailable: the chain does not answer.
    """
    chain = gateway()
    return chain.block(chain.heads().finalized)


def newest_known() -> ChainBlock:
    """Give the newest finalized block, or one that was it a moment ago: for whoever asks often.

    :raises ChainUnavailable: the chain does not answer.
    """
    return _newest_for_all()


def later(than: Block, after_us: int) -> Block:
    """Wait for a finalized block that is later than another and was made after a time (microseconds since 1970).

    :raises ChainUnavailable: none came in time.
    """
    found = _wait(lambda one: one.number > than.number and time_us(one) >= after_us)
    return record(found)


def at(number: int, *, patience_seconds: float) -> Block:
    """Wait until the block of this number is final, and for the moment at which all who waited begin, in every process.

    That is a fixed time after the block's own; where a block is final only later, whoever sees it begins at once.

    :raises TooLate: it is final already. :raises ChainUnavailable: it did not come in time.
    """
    if newest().number >= number:
        raise TooLate
    found = _wait(lambda one: one.number >= number, patience_seconds=patience_seconds)
    block = found if found.number == number else gateway().block(number)
    _wait_for_the_others(block)
    return record(block)


def height_after(wait: timedelta) -> int:
    """Give the number of the block that is final so long from now, or somewhat later.

    :raises ChainUnavailable: the chain does not answer.
    """
    chain = gateway()
    return chain.heads().finalized + ceil(wait.total_seconds() / chain.network().block_seconds)


def chain_name() -> str:
    """Name the chain as bundles do: by name and genesis."""
    network = gateway().network()
    return f"{network.name} {network.genesis.removeprefix('0x')}"


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


def record(block: ChainBlock) -> Block:
    """Write a block as bundles carry it."""
    return Block(chain=chain_name(), number=block.number, hash=_hash(block))


def _wait(
    suits: Callable[[ChainBlock], bool], *, patience_seconds: float = PATIENCE_SECONDS
) -> ChainBlock:
    deadline = time.monotonic() + patience_seconds
    while not suits(found := newest_known()):
        if time.monotonic() > deadline:
            raise ChainUnavailable(
                f"No such block was finalized within {patience_seconds:.0f} s; the newest is {found.number}.",
                hint="Look at the chain on the status page.",
            )
        time.sleep(LOOK_SECONDS)
    return found


def _wait_for_the_others(block: ChainBlock) -> None:
    most = timedelta(seconds=BEGIN_AFTER_BLOCKS * gateway().network().block_seconds)
    # A block whose clock is ahead of ours keeps nobody waiting longer.
    left = min(most, block.at + most - clock.now())
    time.sleep(max(0.0, left.total_seconds()))


def _hash(block: ChainBlock) -> bytes:
    return bytes.fromhex(block.hash.removeprefix("0x"))
