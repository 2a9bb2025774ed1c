"""The keyed digest of a tile: made for a GPU that reads memory at full speed, and not linear in the tile.

A digest that is linear in the product can be had without the product. This one need not hide anything, since the
verifier recomputes the tile itself; it must only depend on every bit of it, under a key that is not known before.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from validation.proof import prf
from validation.proof.parameters import ELEMENT_BYTES, TILE
from validation.proof.products import UInt16

UInt64 = NDArray[np.uint64]

LANES: Final = 64
OUTPUTS: Final = 4
KEY_WORDS: Final = LANES + OUTPUTS
# A lane takes four words (16 bytes, one load of a GPU thread) of every stretch of 256 words.
TAKEN: Final = 4
STRETCHES: Final = TILE * TILE * ELEMENT_BYTES // 4 // (LANES * TAKEN)
# 2^64 divided by the golden ratio, odd.
MULTIPLIER: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
HALF: Final = np.uint64(32)


def expand_key(key: bytes) -> UInt64:
    """Return the digest's starting states from 32 bytes, uint64 of shape (68,)."""
    return prf.stream(key, prf.Kind.DIGEST, size=8 * KEY_WORDS).view("<u8").astype(np.uint64)


def digest_tiles(tiles: UInt16, key: UInt64) -> NDArray[np.uint8]:
    """Digest tiles of shape (count, 64, 64); return uint8 of shape (count, 32)."""
    words = np.ascontiguousarray(tiles, "<u2").view("<u4").reshape(-1, STRETCHES, LANES, TAKEN)
    lanes = np.broadcast_to(key[:LANES], (len(words), LANES))
    for stretch in range(STRETCHES):
        for word in range(TAKEN):
            lanes = _absorb(lanes, words[:, stretch, :, word])
    return _outputs(lanes, key[LANES:]).astype("<u8").view(np.uint8)


def _outputs(lanes: UInt64, key: UInt64) -> UInt64:
    """Join the lanes, uint64 of shape (count, 64), to four outputs that each depend on all of them."""
    groups = lanes.reshape(len(lanes), OUTPUTS, -1)
    first = np.broadcast_to(key, (len(lanes), OUTPUTS))
    for lane in range(groups.shape[2]):
        first = _absorb(first, groups[:, :, lane])
    joined = first
    for step in range(1, OUTPUTS):
        joined = _absorb(joined, first[:, (np.arange(OUTPUTS) + step) % OUTPUTS])
    return joined


def _absorb(state: UInt64, word: NDArray[np.unsignedinteger]) -> UInt64:
    mixed: UInt64 = (state ^ word) * MULTIPLIER
    return mixed ^ (mixed >> HALF)
