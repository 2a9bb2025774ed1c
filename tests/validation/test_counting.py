"""Bundles that published scores count are verified one by one, and shown to be what they are counted for."""

from dataclasses import replace
from hashlib import sha256

import pytest

from tests.validation.sessions import (
    BANDS,
    MACHINE,
    STRANGER,
    VALIDATOR,
    KnownChain,
    Session,
    TimedCard,
    sealed,
)
from tests.validation.test_scoring import data, machine
from validation.proof.bundle.records import Purpose
from validation.proof.parameters import Parameters
from validation.scoring.counting import Counting, wrong_bundles
from validation.scoring.data import Data, Machine
from validation.verifier.chain import ChainError
from validation.verifier.verifying import verify

TINY = Parameters(n=64, products=2, sweeps=2, openings=4)
LISTED = replace(MACHINE, claimed_model="Card (simulated)")
BAND = replace(BANDS, model="Card (simulated)", memory_bytes=TINY.resident_bytes)


def proven(**options: object) -> bytes:
    """Seal a proof of a round at block 10."""
    fields = {"machine": LISTED, "bands": BAND, **options}
    return sealed(Session(cards=[TimedCard("GPU-0")], sizes=TINY, **fields).run())


def counted(*bundles: bytes, **changes: object) -> tuple[Data, dict[str, bytes]]:
    known = {sha256(bundle).hexdigest(): bundle for bundle in bundles}
    row: Machine = machine(
        node=MACHINE.node_id,
        hotkey=MACHINE.hotkey,
        gpu_model="Card",
        gpu_count=1,
        passed=len(known),
        bundles=tuple(known),
    )
    return replace(data(replace(row, **changes)), rounds=(10, 20)), known


def complaints(published: Data, known: dict[str, bytes], **against: object) -> list[str]:
    counting = Counting(fetch=known.__getitem__, **{"simulated": True, **against})
    return list(wrong_bundles(published, counting))


@pytest.mark.parametrize(
    ("bundles", "changes", "why"),
    [
        ([proven()], {}, None),
        ([b"{}"], {}, "is none"),
        ([proven(bands=None)], {}, "cannot be told (times"),
        ([proven(purpose=Purpose.ON_DEMAND)], {}, "no proof of a round"),
        ([proven()], {"node": "another"}, "of another machine"),
        ([proven()], {"hotkey": "another"}, "of another machine"),
        ([proven()], {"gpu_model": "H100"}, "is of 1 x Card (simulated)"),
        ([proven()], {"gpu_count": 8}, "is of 1 x Card (simulated)"),
        ([proven(), proven(secret=b"again")], {}, "counted already"),
    ],
    ids=["honest", "none", "unknown", "asked", "node", "hotkey", "model", "count", "twice"],
)
def test_a_bundle_that_shows_no_passed_round_is_named(bundles, changes, why):
    found = complaints(*counted(*bundles, **changes))

    assert [why in line for line in found] == ([True] if why else [])


def test_simulated_cards_count_on_a_simulated_chain_alone():
    (found,) = complaints(*counted(proven()), simulated=False)

    assert "is of simulated cards" in found


def test_bundles_of_somebody_else_than_the_validator_are_named():
    honest = counted(proven())

    assert complaints(*honest, signer=VALIDATOR.address) == []
    assert "signer: " in complaints(*honest, signer=STRANGER.address)[0]


def test_beacons_are_looked_up_where_a_chain_is_at_hand():
    published, known = counted(proven())
    report = verify(next(iter(known.values())))
    chain = KnownChain(report, first_us=-40_000_000, second_us=1)

    class Silent:
        def block(self, number: int) -> None:
            raise ChainError("It does not answer.")

    assert complaints(published, known, chain=chain) == []
    chain.blocks.clear()
    for wrong in (chain, Silent()):
        assert "beacon: " in complaints(published, known, chain=wrong)[0]


def test_a_round_that_was_not_of_the_window():
    published, known = counted(proven())

    assert "no round of the window" in complaints(replace(published, rounds=(11,)), known)[0]


def test_other_bytes_than_were_named():
    published, known = counted(proven())

    assert "other bytes" in complaints(published, dict.fromkeys(known, b"{}"))[0]


def test_a_machine_that_is_listed_anew_accuses_nobody():
    anew = replace(LISTED, node_id="node-2", host_key="SHA256:anew")
    published, known = counted(proven())
    again, later = counted(proven(machine=anew, beacon=20, later_block=22), node="node-2")
    both = replace(published, machines=(*published.machines, *again.machines))

    assert complaints(both, known | later) == []
