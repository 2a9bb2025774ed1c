"""A whole product, recomputed tile by tile: what an audit does where the verifier only looks at drawn tiles.

An opening's path leads through the root of its product, so whoever makes all tiles of that product must arrive at it. This
is exact, and needs nothing that the card did not commit to before anything was drawn.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from validation.proof import digests, merkle, seeds, sweeps
from validation.proof.drawing import Position
from validation.proof.hashing import HASH_BYTES
from validation.proof.matrices import Int8, left_rows, right_columns
from validation.proof.openings import Commitments, Mismatch, Opening
from validation.proof.parameters import TILE, Parameters
from validation.proof.products import EXACT_CHUNK, UInt16

# Large enough for BLAS to be fast, small enough for any memory: 16 MiB of operands each.
BLOCK: Final = 1_024


def mismatch(card: Commitments, position: Position, opening: Opening) -> Mismatch | None:
    """Recompute the product that an opening lies in; name the tree that does not hold all of it, if any."""
    first = sweeps.first_link(card.seed, card.root, card.sweep_nonce)
    sweep_key = list(sweeps.sweep_keys(first, card.sweep_tops))[position.sweep - 1]
    product = position.tile // card.parameters.tiles_a_product
    root, swept = _roots(card, product, (seeds.digest_key(card.seed), sweep_key))
    height = card.parameters.tiles_a_product.bit_length() - 1
    top = merkle.climb(root, product, opening.tile[height:])
    if seeds.card_root(card.seed, top) != card.root:
        return Mismatch.TILE
    if merkle.climb(swept, product, opening.sweep[height:]) != card.sweep_tops[position.sweep - 1]:
        return Mismatch.SWEEP
    return None


def _roots(card: Commitments, product: int, keys: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Digest all tiles of a product under both keys, and give the root of each tree."""
    sizes, expanded = card.parameters, [digests.expand_key(key) for key in keys]
    side = sizes.tiles_a_side
    leaves = np.empty((len(keys), side, side, HASH_BYTES), np.uint8)
    for row, column, tiles in _blocks(seeds.matrix_key(card.seed), sizes.n, product):
        a_side = tiles.shape[0]
        flat = tiles.reshape(-1, TILE, TILE)
        for made, key in zip(leaves, expanded, strict=True):
            made[row : row + a_side, column : column + a_side] = digests.digest_tiles(
                flat, key
            ).reshape(a_side, a_side, HASH_BYTES)
    alone = Parameters(n=sizes.n, products=1)
    committed, swept = (merkle.Tree(made.tobytes(), alone).top for made in leaves)
    return committed, swept


def _blocks(key: bytes, n: int, product: int) -> Iterator[tuple[int, int, UInt16]]:
    """Yield a product in square blocks: row and column of the first tile, and the tiles, uint16 of shape (t, t, 64, 64)."""
    size = min(n, BLOCK)
    for top in range(0, n, size):
        rows = left_rows(key, n=n, product=product, first=top, count=size)
        for left in range(0, n, size):
            columns = right_columns(key, n=n, first=left, count=size)
            block = _multiply(rows, columns).reshape(size // TILE, TILE, size // TILE, TILE)
            yield top // TILE, left // TILE, np.ascontiguousarray(block.swapaxes(1, 2))


def _multiply(rows: Int8, columns: Int8) -> UInt16:
    """Multiply (b, n) by (b, n) exactly, modulo 2^16; every partial sum of a chunk is a whole float32."""
    total = np.zeros((len(rows), len(columns)), np.int32)
    for start in range(0, rows.shape[1], EXACT_CHUNK):
        chunk = slice(start, start + EXACT_CHUNK)
        left, right = rows[:, chunk].astype(np.float32), columns[:, chunk].astype(np.float32)
        total += (left @ right.T).astype(np.int32)
    return total.astype(np.uint16)
