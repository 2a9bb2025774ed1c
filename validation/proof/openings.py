"""The heart of the proof: a drawn tile is recomputed from the seed, and must be what the card committed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from validation.proof import digests, merkle, products, seeds, sweeps
from validation.proof.drawing import Position
from validation.proof.hashing import Hash
from validation.proof.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Opening:
    """A tile's siblings in the committed tree and in the drawn sweep's, each from bottom to top."""

    tile: tuple[Hash, ...]
    sweep: tuple[Hash, ...]


class Mismatch(Enum):
    """Which of the two trees does not hold the recomputed tile."""

    TILE = "tile"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Commitments:
    """All that one card committed to before anything was drawn, and the nonce of its sweeps."""

    seed: bytes
    parameters: Parameters
    root: bytes
    sweep_nonce: bytes
    sweep_tops: tuple[bytes, ...]


class CardVerifier:
    """Recomputes openings of one card; holds one tile and its operands at a time."""

    def __init__(self, card: Commitments) -> None:
        self._card = card
        self._matrix_key = seeds.matrix_key(card.seed)
        self._digest_key = digests.expand_key(seeds.digest_key(card.seed))
        first = sweeps.first_link(card.seed, card.root, card.sweep_nonce)
        keys = sweeps.sweep_keys(first, card.sweep_tops)
        self._sweep_keys = [digests.expand_key(key) for key in keys]

    def mismatch(self, position: Position, opening: Opening) -> Mismatch | None:
        """Recompute the tile at this position; name the tree that does not hold it, if any."""
        card = self._card
        tile = products.tile(self._matrix_key, card.parameters, position.tile)
        top = _top(tile, self._digest_key, position.tile, opening.tile)
        if seeds.card_root(card.seed, top) != card.root:
            return Mismatch.TILE
        key = self._sweep_keys[position.sweep - 1]
        if _top(tile, key, position.tile, opening.sweep) != card.sweep_tops[position.sweep - 1]:
            return Mismatch.SWEEP
        return None


def _top(tile: products.UInt16, key: digests.UInt64, index: int, path: Sequence[bytes]) -> bytes:
    digest = digests.digest_tiles(tile[np.newaxis], key)
    return merkle.climb(digest.tobytes(), index, path)
