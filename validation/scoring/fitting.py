"""From the vector that scores give to one that the subnet takes, without changing what it says.

Nobody gets more than the published scores give: where the subnet allows less for one place, the rest goes to the place
that burns; where it wants more places named than there are, others are named with nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from validation.scoring.weights import MOST, Vector
from validation.scoring.weights import vector as rounded


class Unfit(ValueError):
    """No vector that says the same is taken by this subnet; the message says why."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What a subnet demands: how many places a vector names at least, and the most for one, a share in 65,535ths."""

    min_allowed: int
    max_share: int


def fit(vector: Vector, demands: Demands, *, burn_uid: int, places: Iterable[int]) -> Vector:
    """Fit a vector.

    :raises Unfit: the burn's place would get too much, or the subnet has too few places.
    """
    weights = dict(zip(vector.uids, vector.weights, strict=True))
    if max(weights.values()) * MOST > demands.max_share * sum(weights.values()):
        weights = _capped(weights, demands.max_share, burn_uid=burn_uid)
    unnamed = (uid for uid in sorted(set(places)) if uid not in weights)
    missing = max(0, demands.min_allowed - len(weights))
    weights |= {uid: 0 for uid, _ in zip(unnamed, range(missing), strict=False)}
    if len(weights) < demands.min_allowed:
        raise Unfit(
            f"WeightVecLengthIsLow: the subnet wants {demands.min_allowed} places named and has {len(weights)}."
        )
    return Vector(
        uids=tuple(sorted(weights)), weights=tuple(weights[uid] for uid in sorted(weights))
    )


def _capped(weights: dict[int, int], most: int, *, burn_uid: int) -> dict[int, int]:
    whole, limit = sum(weights.values()), Fraction(most, MOST)
    shares = {uid: min(limit, Fraction(weight, whole)) for uid, weight in weights.items()}
    capped = rounded(shares, burn_uid=burn_uid)
    found = dict(zip(capped.uids, capped.weights, strict=True))
    burnt = Fraction(found.get(burn_uid, 0), sum(capped.weights))
    if burnt > limit:
        raise Unfit(
            f"MaxWeightExceeded: the subnet gives one place at most {float(limit):.2%}, and place {burn_uid}, "
            f"which takes what nobody earned, would get {float(burnt):.2%}."
        )
    return found
