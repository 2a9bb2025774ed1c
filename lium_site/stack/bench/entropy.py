"""How much of what a card keeps it could leave out: bits of entropy a bit, for what is kept and for whole sums.

What is kept are the low 16 bits of each sum. Whole sums of 32 bits spread like a bell, and could be packed.
"""

import argparse
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from validation.proof import matrices
from validation.proof.parameters import FULL_N, TILE

KEPT_BITS, SUM_BITS = 16, 32
KEY: Final = bytes(32)


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure over tiles of one product at full size."""
    parser = argparse.ArgumentParser(prog="./market bench entropy")
    parser.add_argument("--tiles", type=int, default=64)
    options = parser.parse_args(arguments)
    sums = np.concatenate([_sums(number) for number in range(options.tiles)])
    # The sums are normal to a good approximation, and their entropy is that of their spread.
    whole = math.log2(sums.std() * math.sqrt(2 * math.pi * math.e))
    kept = _entropy(sums & 0xFF) + _entropy((sums >> 8) & 0xFF)
    print(f"  {len(sums):,} sums at n = {FULL_N:,}: standard deviation {sums.std():,.0f}")
    print(f"  whole sums       {whole:6.2f} bits of entropy in {SUM_BITS}")
    print(f"  their low half   {kept:6.2f} bits of entropy in {KEPT_BITS}")
    return {
        "bench": "entropy",
        "ours": round(kept / KEPT_BITS, 4),
        "reference": round(whole / SUM_BITS, 4),
        "ratio": round(kept / KEPT_BITS / (whole / SUM_BITS), 3),
        "unit": "bits of entropy a bit kept",
        "n": len(sums),
        "spread": {},
    }


def _sums(number: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rows = matrices.left_rows(KEY, n=FULL_N, product=0, first=number * TILE, count=TILE)
    columns = matrices.right_columns(KEY, n=FULL_N, first=number * TILE, count=TILE)
    exact = rows.astype(np.float64) @ columns.T.astype(np.float64)
    return exact.astype(np.int64).ravel()


def _entropy(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    share = np.bincount(values, minlength=256) / len(values)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())
