"""A vector is fitted to what a subnet demands, and says the same."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.scoring.fitting import Demands, Unfit, fit
from validation.scoring.weights import MOST, Vector, vector

NOTHING = Demands(min_allowed=0, max_share=MOST)


def fitted(weights: dict[int, int], demands: Demands, *, places: int = 256) -> dict[int, int]:
    given_vector = Vector(tuple(sorted(weights)), tuple(weights[uid] for uid in sorted(weights)))
    found = fit(given_vector, demands, burn_uid=0, places=range(places))
    assert list(found.uids) == sorted(found.uids)
    return dict(zip(found.uids, found.weights, strict=True))


def test_a_subnet_without_demands_gets_it_as_it_is() -> None:
    assert fitted({0: 5, 7: 3}, NOTHING) == {0: 5, 7: 3}


def test_places_that_earned_nothing_are_named_with_nothing() -> None:
    assert fitted({0: 5, 2: 3}, Demands(4, MOST)) == {0: 5, 1: 0, 2: 3, 3: 0}


def test_a_subnet_with_fewer_places_than_it_wants_takes_none() -> None:
    with pytest.raises(Unfit, match="WeightVecLengthIsLow"):
        fitted({0: 5}, Demands(4, MOST), places=3)


def test_what_is_above_the_limit_is_burnt() -> None:
    half = Demands(0, MOST // 2 + 1)

    found = fitted({0: 100, 1: 800, 2: 100}, half)

    assert found[1] * MOST <= half.max_share * sum(found.values())
    assert [round(one / sum(found.values()), 3) for one in found.values()] == [0.4, 0.5, 0.1]


def test_where_the_burn_is_above_the_limit_nothing_fits() -> None:
    with pytest.raises(Unfit, match="MaxWeightExceeded"):
        fitted({0: 900, 1: 100}, Demands(0, MOST // 2))


@given(
    earned=st.dictionaries(st.integers(1, 40), st.integers(0, 1000), max_size=8),
    burnt=st.integers(1, 1000),
    least=st.integers(0, 50),
    most=st.integers(1, MOST),
)
def test_nobody_gets_a_larger_share_and_the_chain_takes_it(
    earned: dict[int, int], burnt: int, least: int, most: int
) -> None:
    total = sum(earned.values(), burnt)
    before = vector({uid: Fraction(one, total) for uid, one in earned.items()}, burn_uid=0)
    try:
        after = fit(before, Demands(least, most), burn_uid=0, places=range(41))
    except Unfit:
        return

    whole, of_old = sum(after.weights), sum(before.weights)
    old = dict(zip(before.uids, before.weights, strict=True))
    assert len(after.uids) >= least
    assert all(0 <= weight <= MOST for weight in after.weights)
    for uid, weight in zip(after.uids, after.weights, strict=True):
        assert weight * MOST <= most * whole
        assert uid == 0 or Fraction(weight, whole) <= Fraction(old.get(uid, 0), of_old)
