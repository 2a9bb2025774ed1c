"""One tree over all tiles of a card: a perfect tree for each product, and one over the products' roots.

The upper tree is filled up with zeros to a power of two; no tile of the filling is ever drawn. A leaf's place is its
index, and the path from it is read by that index: a tile of another place does not climb to the same top.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from validation.proof.hashing import HASH_BYTES
from validation.proof.parameters import Parameters

NODE: Final = b"\x01"
FILLING: Final = bytes(HASH_BYTES)


def node(left: bytes, right: bytes) -> bytes:
    """Hash two nodes to the one above them."""
    return hashlib.sha256(NODE + left + right).digest()


def climb(leaf: bytes, index: int, path: Sequence[bytes]) -> bytes:
    """Return the top that the leaf at this index leads to, by its siblings from bottom to top."""
    for sibling in path:
        leaf = node(sibling, leaf) if index & 1 else node(leaf, sibling)
        index >>= 1
    return leaf


class Tree:
    """All nodes of a tree, each level as one string of bytes."""

    def __init__(self, leaves: bytes, parameters: Parameters) -> None:
        self._levels = [leaves]
        while len(self._levels[-1]) > HASH_BYTES * parameters.products:
            self._levels.append(_parents(self._levels[-1]))
        width = 1 << (parameters.products - 1).bit_length()
        self._levels[-1] += FILLING * (width - parameters.products)
        while len(self._levels[-1]) > HASH_BYTES:
            self._levels.append(_parents(self._levels[-1]))

    @property
    def top(self) -> bytes:
        """Return the node above all others."""
        return self._levels[-1]

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings of a leaf from bottom to top."""
        return tuple(
            level[(at := ((index >> height) ^ 1) * HASH_BYTES) : at + HASH_BYTES]
            for height, level in enumerate(self._levels[:-1])
        )


def _parents(level: bytes) -> bytes:
    pairs = range(0, len(level), 2 * HASH_BYTES)
    return b"".join(hashlib.sha256(NODE + level[at : at + 2 * HASH_BYTES]).digest() for at in pairs)
