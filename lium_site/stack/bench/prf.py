"""Bytes a second of one core from generators that could fill the operands: why ChaCha20 was chosen."""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from validation.proof import chacha, prf

OURS, REFERENCE = "ChaCha20, cryptography", "Philox 4x64-10, NumPy's C"
# A tile's row of operands, as the verifier makes it.
SIZE: Final = 1 << 20
KEY: Final = bytes(32)


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure; give GB a second of the chosen generator and of the best that needs no library but NumPy."""
    parser = argparse.ArgumentParser(prog="./market bench prf")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    found: dict[str, list[float]] = {name: [] for name in _generators()}
    for _ in range(options.rounds):
        for name, make in _generators().items():
            found[name].append(_gigabytes_a_second(make))
    for name, rates in found.items():
        print(f"  {name:<28}{statistics.median(rates):8.3f} GB/s")
    return _outcome(found)


def _generators() -> Mapping[str, Callable[[], object]]:
    zeros = bytes(SIZE)
    aes = algorithms.AES256(KEY)
    philox = np.random.Generator(np.random.Philox(key=0))
    return {
        OURS: lambda: prf.stream(KEY, prf.Kind.LEFT, size=SIZE),
        REFERENCE: lambda: philox.bytes(SIZE),
        "ChaCha20, NumPy (fallback)": lambda: chacha.blocks(
            KEY, bytes(12), first=0, count=SIZE // chacha.BLOCK_BYTES
        ),
        "AES-256-CTR (slow on a GPU)": lambda: (
            Cipher(aes, modes.CTR(bytes(16))).encryptor().update(zeros)
        ),
    }


def _gigabytes_a_second(make: Callable[[], object]) -> float:
    started, count = time.process_time(), 0
    while time.process_time() - started < 0.05:
        make()
        count += 1
    return count * SIZE / (time.process_time() - started) / 1e9


def _outcome(found: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    ratios = [ours / other for ours, other in zip(found[OURS], found[REFERENCE], strict=True)]
    return {
        "bench": "prf",
        "ours": round(statistics.median(found[OURS]), 3),
        "reference": round(statistics.median(found[REFERENCE]), 3),
        "ratio": round(statistics.median(ratios), 3),
        "unit": "GB/s a core",
        "n": len(ratios),
        "spread": {
            name: [round(min(rates), 3), round(max(rates), 3)] for name, rates in found.items()
        },
    }
