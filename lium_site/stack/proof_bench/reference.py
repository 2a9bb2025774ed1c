"""`python -m lium_site.stack.proof_bench.reference`: the least that 64 tiles cost, as bare library calls; CPU seconds.

The operands' bytes from ChaCha20, and their products in double precision: no protocol, no digests, no trees.
"""

import json
import sys
import time

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

TILES, ROWS, N = 64, 64, 16_384


def main() -> int:
    """Multiply, and print the outcome as JSON."""
    zeros = bytes(ROWS * N)
    started = time.process_time()
    for number in range(2 * TILES)[::2]:
        left, right = (_operand(index, zeros) for index in (number, number + 1))
        (left @ right.T).astype(np.int64)
    print(json.dumps({"holds": True, "cpu_seconds": time.process_time() - started, "peak_mib": 0}))
    return 0


def _operand(index: int, zeros: bytes) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    cipher = Cipher(algorithms.ChaCha20(bytes(32), index.to_bytes(16, "little")), mode=None)
    raw = cipher.encryptor().update(zeros)
    return np.frombuffer(raw, np.int8).reshape(ROWS, N).astype(np.float64)


if __name__ == "__main__":
    sys.exit(main())
