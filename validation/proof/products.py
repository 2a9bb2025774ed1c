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
    """Multiply exactly, modulo 2^16.

    :param rows: int8 of shape (r, n)
    :param columns: int8 of shape (c, n): the right matrix by columns
    :return: uint16 of shape (r, c)
    """
    total = np.zeros((len(rows), len(columns)), np.int32)
    for start in range(0, rows.shape[1], EXACT_CHUNK):
        chunk = slice(start, start + EXACT_CHUNK)
        left = rows[:, chunk].astype(np.float32)
        right = columns[:, chunk].astype(np.float32)
        total += (left @ right.T).astype(np.int32)
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


def tiles_of(product: UInt16) -> UInt16:
    """Cut a whole product of shape (n, n) into tiles by rows, uint16 of shape (tiles, 64, 64)."""
    side = len(product) // TILE
    return product.reshape(side, TILE, side, TILE).swapaxes(1, 2).reshape(-1, TILE, TILE)
