"""Scores follow from published data alone; nobody is given more than the rules say."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.scoring.data import Data, Machine, NotData, Terms, Use, decode, encode
from validation.scoring.scores import Score
from validation.scoring.weights import MOST, vector, weigh

DAY = 86_400
UNTIL = 20_000 * DAY
TERMS = Terms(
    idle_rate=Decimal("0.4"), fee_rate=Decimal("0.05"), burn_share=Decimal("0.1"), burn_uid=0
)


def machine(**changes: object) -> Machine:
    fields: dict[str, object] = {
        "node": "a",
        "hotkey": "alice",
        "gpu_model": "H100",
        "gpu_count": 8,
        "price_per_gpu_usd": Decimal(2),
        "passed": 24,
        "use": used(changes.pop("rented_gpu_seconds", 0), changes.pop("paid_usd", Decimal(0))),
        **changes,
    }
    bundles = [f"{number:064x}" for number in range(fields["passed"])]  # type: ignore[call-overload]
    return Machine(**{"bundles": bundles, **fields})  # type: ignore[arg-type]


def used(gpu_seconds: object, paid_usd: object) -> tuple[Use, ...]:
    """Put all use into one hour."""
    return (Use(UNTIL - 3600, gpu_seconds, paid_usd),)  # type: ignore[arg-type]


def data(*machines: Machine, emission: int = 1_000, terms: Terms = TERMS) -> Data:
    return Data(
        netuid=51,
        block=7_200,
        block_hash="0x" + "ab" * 32,
        until=UNTIL,
        window_seconds=DAY,
        emission_usd=Decimal(emission),
        terms=terms,
        reference_prices={"H100": Decimal(2), "RTX 4090": Decimal("0.4")},
        uids={"alice": 3, "bob": 7},
        rounds=tuple(range(100, 124)),
        machines=machines,
    )


def score(**changes: object) -> Score:
    """Score a machine beside an unchanged one of Bob's."""
    other = machine(node="b", hotkey="bob")
    return weigh(data(machine(**changes), other, emission=400)).scores[0]


class TestTerms:
    def test_equal_machines_share_equally_and_the_burn_is_kept_back(self) -> None:
        result = weigh(data(machine(), machine(node="b", hotkey="bob")))

        assert [one.share for one in result.scores] == [Fraction(9, 20)] * 2
        assert result.burnt == Fraction(1, 10)

    @pytest.mark.parametrize(
        ("better", "worse"),
        [
            ({"passed": 24}, {"passed": 23}),
            ({"gpu_count": 8}, {"gpu_count": 4}),
            ({"price_per_gpu_usd": Decimal(2)}, {"price_per_gpu_usd": Decimal(3)}),
            ({"gpu_model": "H100"}, {"gpu_model": "RTX 4090", "price_per_gpu_usd": Decimal("0.4")}),
            ({"rented_gpu_seconds": 8 * DAY, "passed": 0, "paid_usd": Decimal(38_400)}, {}),
        ],
    )
    def test_what_is_better_earns_more(
        self, better: dict[str, object], worse: dict[str, object]
    ) -> None:
        assert score(**better).share > score(**worse).share

    def test_a_price_below_the_reference_earns_no_more(self) -> None:
        assert score(price_per_gpu_usd=Decimal(1)).share == score().share

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"hotkey": "mallory"}, "not registered"),
            ({"passed": 0}, "passed no round"),
            ({"gpu_count": 0}, "newest proof failed"),
            ({"gpu_model": "B300"}, "no reference price"),
            ({"price_per_gpu_usd": Decimal(0)}, "asks no price"),
        ],
    )
    def test_who_earns_nothing_is_told_why(self, changes: dict[str, object], why: str) -> None:
        result = score(**changes)

        assert result.share == 0
        assert why in result.why_not


class TestRentals:
    def test_what_was_paid_back_counts_against_what_was_paid(self) -> None:
        hours = (Use(UNTIL - 7200, 3600, Decimal(5)), Use(UNTIL - 3600, 3600, Decimal(-2)))

        assert machine(use=hours).paid_usd == 3
        assert machine(use=hours).rented_gpu_seconds == 7200
        assert machine(use=hours[1:]).paid_usd == 0

    @pytest.mark.parametrize("passed", [0, 1, 24])
    def test_renting_from_oneself_never_pays(self, passed: int) -> None:
        """Whoever rents from oneself loses the fee; rented time earns no more than that, whatever the price."""
        other = machine(node="b", hotkey="bob")
        for paid in (Decimal("0.01"), Decimal(384), Decimal(1_000_000)):
            rented = machine(passed=passed, rented_gpu_seconds=8 * DAY, paid_usd=paid)

            found = weigh(data(rented, other, emission=1_000)).scores[0]

            assert found.idle == 0
            assert found.share * 1_000 <= Fraction(paid) * Fraction(5, 100)

    def test_a_round_vouches_for_its_part_of_the_window_and_for_no_more(self) -> None:
        """One of eight GPUs, rented from oneself, keeps rounds away; the other seven are not taken as proven."""
        found = score(passed=1, rented_gpu_seconds=23 * DAY // 24, paid_usd=Decimal(46))

        assert found.idle == Fraction(1, 24)

    def test_what_is_withheld_goes_to_nobody_else(self) -> None:
        paid = {"rented_gpu_seconds": 8 * DAY, "paid_usd": Decimal(1_000_000)}
        cheap = {**paid, "paid_usd": Decimal("0.01")}
        other = machine(node="b", hotkey="bob")

        honest, dishonest = (
            weigh(data(machine(**paid), other)),
            weigh(data(machine(**cheap), other)),
        )

        assert honest.scores[1].share == dishonest.scores[1].share
        assert dishonest.burnt > honest.burnt

    def test_more_rented_time_than_there_is_counts_as_all_of_it(self) -> None:
        paid = Decimal(1_000_000)
        assert (
            score(rented_gpu_seconds=80 * DAY, paid_usd=paid).share
            == score(rented_gpu_seconds=8 * DAY, paid_usd=paid).share
        )


machines = st.builds(
    machine,
    node=st.uuids().map(str),
    hotkey=st.sampled_from(["alice", "bob", "mallory"]),
    gpu_model=st.sampled_from(["H100", "RTX 4090", "B300"]),
    gpu_count=st.integers(0, 8),
    price_per_gpu_usd=st.decimals(0, 20, places=9),
    passed=st.integers(0, 30),
    rented_gpu_seconds=st.integers(0, 9 * DAY),
    paid_usd=st.decimals(0, 500, places=9),
)


@given(st.lists(machines, max_size=12, unique_by=lambda one: one.node), st.integers(0, 10_000))
def test_rules_hold_whatever_the_data(rows: list[Machine], emission: int) -> None:
    given_data = data(*rows, emission=emission)

    result = weigh(given_data)

    assert sum(one.share for one in result.scores) + result.burnt == 1
    assert result.burnt >= Fraction(1, 10)
    points = sum(one.points for one in result.scores)
    for one in result.scores:
        for_idle = one.idle_points * Fraction(9, 10) / points if points else 0
        assert (one.share - for_idle) * emission <= Fraction(one.machine.paid_usd) / 20
    total = sum(result.vector.weights)
    for uid, weight in zip(result.vector.uids, result.vector.weights, strict=True):
        assert 0 < weight <= MOST
        if uid:
            hotkey = {3: "alice", 7: "bob"}[uid]
            assert Fraction(weight, total) <= sum(
                one.share for one in result.scores if one.machine.hotkey == hotkey
            )
    assert weigh(decode(encode(given_data))).vector == result.vector


@given(st.dictionaries(st.integers(1, 255), st.fractions(0, 1), max_size=64))
def test_a_vector_is_as_fine_as_16_bits_allow(parts: dict[int, Fraction]) -> None:
    whole = sum(parts.values()) or Fraction(1)
    shares = {uid: part / whole for uid, part in parts.items()}

    found = vector(shares, burn_uid=0)

    total = sum(found.weights)
    assert max(found.weights) > MOST // 2
    for uid, weight in zip(found.uids, found.weights, strict=True):
        if uid:
            assert shares[uid] - Fraction(1, total) <= Fraction(weight, total) <= shares[uid]


class TestPublished:
    def test_order_does_not_matter(self) -> None:
        one, two = machine(), machine(node="b", hotkey="bob", gpu_count=4)

        assert encode(data(one, two)) == encode(data(two, one))

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"[]",
            b"{}",
            b"[" * 100_000,
            encode(data(machine())).replace(b'"format":3', b'"format":2'),
            encode(data(machine())).replace(b'"passed":24', b'"passed":-1'),
            encode(data(machine())).replace(b'"passed":24', b'"passed":23'),
            encode(data(machine())).replace(b'"passed":24', b'"passed":1.5'),
            encode(data(machine())).replace(b'"paid_usd":"0"', b'"paid_usd":"NaN"'),
            encode(data(machine())).replace(b'"paid_usd":"0"', b'"paid_usd":0'),
            encode(data(machine())).replace(b'"at":1727996400', b'"at":1727996401'),
            encode(data(machine())).replace(b'"at":1727996400', b'"at":1728000000'),
            encode(data(machine(use=used(1, Decimal(1)) * 2))),
            encode(data(machine(), machine())),
            encode(data(machine())).replace(b'"burn_share":"0.1"', b'"burn_share":"1.1"'),
        ],
    )
    def test_what_is_no_data_is_refused(self, raw: bytes) -> None:
        with pytest.raises(NotData):
            decode(raw)

    def test_every_term_is_part_of_the_digest(self) -> None:
        plain = encode(data(machine()))

        assert encode(data(machine(paid_usd=Decimal(1)))) != plain
        assert encode(replace(data(machine()), emission_usd=Decimal(1))) != plain
