"""ChaCha20 (RFC 8439, section 2.3) in NumPy: the reference, and what runs where `cryptography` is missing."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES: Final = 64
CONSTANTS: Final = np.frombuffer(b"expand 32-byte k", "<u4")
DOUBLE_ROUNDS: Final = 10
COLUMNS: Final = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS: Final = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))

Words = NDArray[np.uint32]


def blocks(key: bytes, nonce: bytes, *, first: int, count: int) -> Words:
    """Return key stream blocks, uint32 of shape (count, 16); the key has 32 bytes, the nonce 12."""
    start = np.empty((16, count), np.uint32)
    start[0:4] = CONSTANTS[:, None]
    start[4:12] = np.frombuffer(key, "<u4")[:, None]
    start[12] = np.arange(first, first + count, dtype=np.uint64).astype(np.uint32)
    start[13:16] = np.frombuffer(nonce, "<u4")[:, None]
    state = start.copy()
    for _ in range(DOUBLE_ROUNDS):
        for quarter in (*COLUMNS, *DIAGONALS):
            _quarter_round(state, *quarter)
    state += start
    return np.ascontiguousarray(state.T)


def _quarter_round(state: Words, a: int, b: int, c: int, d: int) -> None:
    for target, source, turned, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[target] += state[source]
        state[turned] ^= state[target]
        state[turned] = (state[turned] << bits) | (state[turned] >> (32 - bits))
