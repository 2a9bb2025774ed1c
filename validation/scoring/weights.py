"""From shares to the vector that a chain takes: one unsigned 16-bit number for each place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Final

from validation.scoring.data import Data
from validation.scoring.scores import Score, by_hotkey, scores

MOST: Final = 65_535


@dataclass(frozen=True, slots=True)
class Vector:
    """Places of the subnet and their weights, by place; a share is its weight over the sum."""

    uids: Sequence[int]
    weights: Sequence[int]


@dataclass(frozen=True, slots=True)
class Result:
    """The scores, and the vector that follows from them; ``burnt`` is the share that goes to nobody."""

    scores: Sequence[Score]
    burnt: Fraction
    vector: Vector


def weigh(data: Data) -> Result:
    """Compute everything from published data alone."""
    scored = scores(data)
    shares = {data.uids[hotkey]: share for hotkey, share in by_hotkey(scored).items()}
    return Result(
        scores=scored,
        burnt=1 - sum(shares.values(), Fraction(0)),
        vector=vector(shares, burn_uid=data.terms.burn_uid),
    )


def vector(shares: Mapping[int, Fraction], *, burn_uid: int) -> Vector:
    """Round shares down to weights and give the rest to the burn's place: nobody gets more than the share.

    As fine as 16 bits allow: the largest weight is as near to 65,535 as that rule permits.
    """
    miners = {uid: share for uid, share in shares.items() if uid != burn_uid}
    whole = floor(MOST / max([*miners.values(), 1 - sum(miners.values())]))
    while True:
        rounded = {uid: floor(share * whole) for uid, share in miners.items()}
        rest = whole - sum(rounded.values())
        if rest <= MOST:
            break
        whole = whole * MOST // rest
    weights = {uid: weight for uid, weight in {**rounded, burn_uid: rest}.items() if weight}
    return Vector(
        uids=tuple(sorted(weights)), weights=tuple(weights[uid] for uid in sorted(weights))
    )
