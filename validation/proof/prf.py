"""Every random-looking byte of a proof: ChaCha20 under a key, a kind and an index.

Chosen by measurement: docs/adr/0006-proof-of-gpu.md.
"""

import struct
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from validation.proof import chacha

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
except ImportError:  # A miner's machine may have NumPy and nothing else.
    Cipher = None  # type: ignore[assignment,misc]


class Kind(IntEnum):
    """What a stream is for; streams of different kinds never meet."""

    LEFT = 1
    RIGHT = 2
    DIGEST = 3
    DRAWING = 4


def stream(
    key: bytes, kind: Kind, *, index: int = 0, start: int = 0, size: int
) -> NDArray[np.uint8]:
    """Return `size` bytes from offset `start`, uint8 of shape (size,).

    ``start`` is a multiple of 64, the block; ``index`` tells streams of one kind apart.
    """
    first, within = divmod(start, chacha.BLOCK_BYTES)
    if within:
        raise ValueError(
            f"a stream starts at a block of {chacha.BLOCK_BYTES} bytes, not at {start}"
        )
    nonce = struct.pack("<3I", kind, index, 0)
    if Cipher is None:
        count = -(-size // chacha.BLOCK_BYTES)
        return chacha.blocks(key, nonce, first=first, count=count).view(np.uint8).ravel()[:size]
    made = np.zeros(size, np.uint8)
    cipher = Cipher(algorithms.ChaCha20(key, struct.pack("<I", first) + nonce), mode=None)
    # In place: allocating the zeros apart costs more than encrypting them.
    cipher.encryptor().update_into(made.data, made.data)
    return made
