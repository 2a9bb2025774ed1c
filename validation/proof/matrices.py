"""The operands: full-range int8 from the PRF, so that any row or column can be made without the rest.

The left matrix is fresh for each product and stored by rows; the right one is shared by a card's products and stored
by columns. Small entries would open faster paths, and structure cheaper products.
"""

import numpy as np
from numpy.typing import NDArray

from validation.proof import prf

Int8 = NDArray[np.int8]


def left_rows(key: bytes, *, n: int, product: int, first: int, count: int) -> Int8:
    """Return rows of the left matrix of one product, int8 of shape (count, n)."""
    return _lines(key, prf.Kind.LEFT, n=n, index=product, first=first, count=count)


def right_columns(key: bytes, *, n: int, first: int, count: int) -> Int8:
    """Return columns of the right matrix, each as a row: int8 of shape (count, n)."""
    return _lines(key, prf.Kind.RIGHT, n=n, index=0, first=first, count=count)


def _lines(key: bytes, kind: prf.Kind, *, n: int, index: int, first: int, count: int) -> Int8:
    raw = prf.stream(key, kind, index=index, start=first * n, size=count * n)
    return raw.view(np.int8).reshape(count, n)
