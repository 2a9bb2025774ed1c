"""Exact products of int8 matrices, of which the low 16 bits are kept.

The sums have about 21.5 bits of entropy in 32 (measured: `./market bench entropy`), so that a card could keep whole
sums in two thirds of the memory that it claims. Their low 16 bits are uniform, and cost as much to make.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from validation.proof.matrices import Int8, left_rows, right_columns
from validation.proof.parameters import TILE, Parameters

UInt16 = NDArray[np.uint16]

# 1,024 products of two int8 sum to at most 2^24: every partial sum is a float32, in whatever order BLAS adds.
EXACT_CHUNK: Final = 1_024


def multiply(rows: Int8, columns: Int8) -> UInt16:
    """Multiply 64 rows by 64 columns exactly, modulo 2^16.

    :param rows: int8 of shape (64, n)
    :param columns: int8 of shape (64, n): the right matrix by columns
    :return: uint16 of shape (64, 64)
    """
    total = np.zeros((TILE, TILE), np.int32)
    for start in range(0, rows.shape[1], EXACT_CHUNK):
        chunk = slice(start, start + EXACT_CHUNK)
        # Cubes of 64 are below the size from which BLAS wakes its threads, which wait for one another on a busy machine.
        left, right = _cubes(rows[:, chunk]), _cubes(columns[:, chunk])
        total += (left @ right.swapaxes(1, 2)).sum(axis=0).astype(np.int32)
    return total.astype(np.uint16)


def tile(key: bytes, parameters: Parameters, index: int) -> UInt16:
    """Recompute one tile from the matrix key alone, uint16 of shape (64, 64)."""
    product, row, column = place(parameters, index)
    n = parameters.n
    rows = left_rows(key, n=n, product=product, first=row * TILE, count=TILE)
    return multiply(rows, right_columns(key, n=n, first=column * TILE, count=TILE))


def place(parameters: Parameters, index: int) -> tuple[int, int, int]:
    """Return a tile's product, and its row and column of tiles."""
    product, within = divmod(index, parameters.tiles_a_product)
    row, column = divmod(within, parameters.tiles_a_side)
    return product, row, column


def all_tiles(rows: Int8, columns: Int8) -> UInt16:
    """Multiply whole matrices of shape (n, n); return all tiles by rows, uint16 of shape (tiles, 64, 64)."""
    bands = range(0, len(rows), TILE)
    return np.stack(
        [multiply(rows[y : y + TILE], columns[x : x + TILE]) for y in bands for x in bands]
    )


def _cubes(lines: Int8) -> NDArray[np.float32]:
    """Cut lines of shape (64, m) into squares along them, float32 of shape (m / 64, 64, 64)."""
    return lines.reshape(TILE, -1, TILE).swapaxes(0, 1).astype(np.float32)
