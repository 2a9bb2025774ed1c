"""Residency: all tiles are read again and again, each time under a key that follows from the time before.

A sweep cannot start before the one before it has ended, and all of them are committed: an opened tile is checked in a
drawn sweep, so that leaving out sweeps is found like leaving out tiles.
"""

import struct
from collections.abc import Iterable, Iterator

from validation.proof.hashing import tagged_hash


def first_link(seed: bytes, root: bytes, nonce: bytes) -> bytes:
    """Return the chain's start: this card, what it committed to, and the nonce that came afterwards."""
    return tagged_hash("residency", seed, root, nonce)


def next_link(number: int, link: bytes, top: bytes) -> bytes:
    """Return the link after sweep `number` (from 1), whose tree has this top."""
    return tagged_hash("sweep", struct.pack("<I", number), link, top)


def sweep_key(link: bytes) -> bytes:
    """Return the key of the digests of the sweep that follows this link."""
    return tagged_hash("sweep-key", link)


def sweep_keys(first: bytes, tops: Iterable[bytes]) -> Iterator[bytes]:
    """Yield each sweep's key, in order, from the tops that the card answered."""
    link = first
    for number, top in enumerate(tops, start=1):
        yield sweep_key(link)
        link = next_link(number, link, top)
