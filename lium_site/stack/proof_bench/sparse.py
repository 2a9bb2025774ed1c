"""One card's openings at full size, without a card: true tiles at drawn places, in trees that are otherwise empty.

Such trees can only be made for places that are known before: with a coin that follows from the roots, as a proof has it,
nobody could. So the bench draws from a coin of its own, and gives the verifier's arithmetic everything else as it comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from validation.proof import digests, products, seeds, sweeps
from validation.proof.drawing import Position, draw
from validation.proof.hashing import HASH_BYTES, tagged_hash
from validation.proof.merkle import node
from validation.proof.openings import Commitments, Opening
from validation.proof.parameters import Parameters

# An H100 of 80 GB: 154 products of half a GiB.
FULL_SIZE = Parameters(n=16_384, products=154)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a verifier of one card has before it."""

    commitments: Commitments
    positions: Sequence[Position]
    openings: Sequence[Opening]


class SparseTree:
    """A tree whose leaves are zero but for a few."""

    def __init__(self, leaves: Mapping[int, bytes], parameters: Parameters) -> None:
        self._levels = [dict(leaves)]
        self._empty = [bytes(HASH_BYTES)]
        for height in range(parameters.path_length):
            below = self._levels[-1]
            self._levels.append(
                {
                    at: node(self._at(height, 2 * at), self._at(height, 2 * at + 1))
                    for at in {index >> 1 for index in below}
                }
            )
            self._empty.append(node(self._empty[-1], self._empty[-1]))

    @property
    def top(self) -> bytes:
        """Return the node above all others."""
        return self._at(len(self._levels) - 1, 0)

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings of a leaf from bottom to top."""
        heights = range(len(self._levels) - 1)
        return tuple(self._at(height, (index >> height) ^ 1) for height in heights)

    def _at(self, height: int, index: int) -> bytes:
        return self._levels[height].get(index, self._empty[height])


def make_sample() -> Sample:
    """Compute the tiles that will be opened, and trees that hold them."""
    seed, nonce = tagged_hash("bench-seed"), tagged_hash("bench-nonce")
    positions = draw(tagged_hash("bench-coin"), FULL_SIZE)
    key = seeds.matrix_key(seed)
    tiles = {at.tile: products.tile(key, FULL_SIZE, at.tile) for at in positions}
    tree = _tree(tiles, seeds.digest_key(seed))
    root = seeds.card_root(seed, tree.top)
    trees, link = [], sweeps.first_link(seed, root, nonce)
    for number in range(1, FULL_SIZE.sweeps + 1):
        trees.append(_tree(tiles, sweeps.sweep_key(link)))
        link = sweeps.next_link(number, link, trees[-1].top)
    tops = tuple(made.top for made in trees)
    openings = [Opening(tree.path(at.tile), trees[at.sweep - 1].path(at.tile)) for at in positions]
    return Sample(Commitments(seed, FULL_SIZE, root, nonce, tops), positions, openings)


def _tree(tiles: Mapping[int, products.UInt16], key: bytes) -> SparseTree:
    expanded = digests.expand_key(key)
    leaves = digests.digest_tiles(np.stack(list(tiles.values())), expanded)
    named = {index: leaf.tobytes() for index, leaf in zip(tiles, leaves, strict=True)}
    return SparseTree(named, FULL_SIZE)
