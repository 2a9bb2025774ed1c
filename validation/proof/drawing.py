"""What is opened: drawn from a coin that nobody knew before all roots were in."""

from dataclasses import dataclass
from typing import Final

from validation.proof import prf
from validation.proof.parameters import Parameters

WORD_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Position:
    """A tile by its index (from 0), and the sweep (from 1) in which it is looked at."""

    tile: int
    sweep: int


def draw(coin: bytes, parameters: Parameters) -> list[Position]:
    """Draw the positions, with replacement; the remainder's bias is below 2^-35."""
    size = 2 * WORD_BYTES * parameters.openings
    words = prf.stream(coin, prf.Kind.DRAWING, size=size).view("<u8").reshape(-1, 2)
    return [
        Position(int(tile) % parameters.tiles, 1 + int(sweep) % parameters.sweeps)
        for tile, sweep in words
    ]
