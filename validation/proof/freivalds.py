"""Freivalds' test: whether a whole product is right, in O(n^2). For the prover's self-test and for audits.

Never against a product of vectors that the prover supplies: A(Br) costs O(n^2) without any product.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from validation.proof.matrices import Int8
from validation.proof.products import UInt16

# A wrong product passes one random vector modulo 2^16 with probability 1/2 at most, and so 32 of them with 2^-32.
VECTORS: Final = 32
MODULUS_MASK: Final = 0xFFFF
CHUNK: Final = 512


def is_product(product: UInt16, rows: Int8, columns: Int8, *, vectors: UInt16) -> bool:
    """Say whether product = rows x columns modulo 2^16.

    :param product: uint16 of shape (r, c)
    :param rows: int8 of shape (r, n)
    :param columns: int8 of shape (c, n): the right matrix by columns
    :param vectors: random uint16 of shape (c, VECTORS), drawn after the product was fixed
    """
    through_factors = _times(rows, _times(columns.T, vectors))
    return bool(np.array_equal(_times(product, vectors), through_factors))


def _times(matrix: NDArray[np.integer], vectors: UInt16) -> UInt16:
    """Multiply modulo 2^16; exact, for a sum of 2^15 products of 16 bits stays below 2^53."""
    right = vectors.astype(np.float64)
    parts = (
        matrix[start : start + CHUNK].astype(np.float64) @ right
        for start in range(0, len(matrix), CHUNK)
    )
    whole = np.concatenate([part.astype(np.int64) for part in parts])
    return (whole & MODULUS_MASK).astype(np.uint16)
