"""Bundles that published scores count are verified one by one, and shown to be what they are counted for."""

from dataclasses import replace
from hashlib import sha256

import pytest

from tests.validation.sessions import MACHINE, Session, TimedCard, sealed
from tests.validation.test_scoring import data, machine
from validation.proof.bundle.records import Purpose
from validation.proof.parameters import Parameters
from validation.scoring.counting import wrong_bundles
from validation.scoring.data import Data, Machine

TINY = Parameters(n=64, products=2, sweeps=2, openings=4)


def proven(**options: object) -> bytes:
    """Seal a proof of a round at block 10."""
    return sealed(Session(cards=[TimedCard("GPU-0")], sizes=TINY, **options).run())


def counted(*bundles: bytes, **changes: object) -> tuple[Data, dict[str, bytes]]:
    known = {sha256(bundle).hexdigest(): bundle for bundle in bundles}
    row: Machine = machine(
        node=MACHINE.node_id, hotkey=MACHINE.hotkey, passed=len(known), bundles=tuple(known)
    )
    return replace(data(replace(row, **changes)), rounds=(10, 20)), known


class OnDemand(Session):
    def state(self):
        return replace(super().state(), purpose=Purpose.ON_DEMAND)


@pytest.mark.parametrize(
    ("bundles", "changes", "why"),
    [
        ([proven()], {}, None),
        ([b"{}"], {}, "is none"),
        ([proven(bands=None)], {}, "no passed proof"),
        ([sealed(OnDemand(cards=[TimedCard("GPU-0")], sizes=TINY).run())], {}, "no passed proof"),
        ([proven()], {"node": "another"}, "of another machine"),
        ([proven()], {"hotkey": "another"}, "of another machine"),
        ([proven(), proven(secret=b"again")], {}, "counted already"),
    ],
    ids=["honest", "none", "unknown", "asked for", "node", "hotkey", "twice"],
)
def test_a_bundle_that_shows_no_passed_round_is_named(bundles, changes, why):
    published, known = counted(*bundles, **changes)

    found = list(wrong_bundles(published, known.__getitem__))

    assert [why in line for line in found] == ([True] if why else [])


def test_a_round_that_was_not_of_the_window():
    published, known = counted(proven())

    found = list(wrong_bundles(replace(published, rounds=(11,)), known.__getitem__))

    assert "no round of the window" in found[0]


def test_other_bytes_than_were_named():
    published, _ = counted(proven())

    assert "other bytes" in next(wrong_bundles(published, lambda _: b"{}"))
