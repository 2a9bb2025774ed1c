"""Transfers of stake as Subtensor's events tell them, also from one subnet to another.

The runtime that tests run has none (tests/billing/chain/runtime.py); these are the records that a newer one decodes to.
"""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from billing.chain.port import StakeTransfer
from billing.chain.subtensor import answers, events
from billing.chain.subtensor.errors import EndpointFailed
from billing.chain.subtensor.runtimes import Runtime, Signature

ALICE, TREASURY, HOTKEY = "5Alice", "5Treasury", "5Hot"
EXTRINSICS = (b"first", b"second")
SUBNET, OTHER = 51, 7


def record(event: str, *fields: Any, extrinsic: int = 0) -> dict[str, Any]:
    return {
        "phase": "ApplyExtrinsic",
        "extrinsic_idx": extrinsic,
        "module_id": "SubtensorModule",
        "event_id": event,
        "attributes": fields,
    }


def removed(netuid: int, alpha: int) -> dict[str, Any]:
    return record("StakeRemoved", ALICE, HOTKEY, 90, alpha, netuid, 0)


def added(netuid: int, alpha: int, **where: int) -> dict[str, Any]:
    return record("StakeAdded", TREASURY, HOTKEY, 90, alpha, netuid, 0, **where)


def transferred(origin: int, netuid: int, **where: int) -> dict[str, Any]:
    return record("StakeTransferred", ALICE, TREASURY, HOTKEY, origin, netuid, 90, **where)


def read(*records: dict[str, Any]) -> tuple[StakeTransfer, ...]:
    runtime = SimpleNamespace(
        core=SimpleNamespace(storage_entry=lambda *_: SimpleNamespace(value_type="events")),
        decode=lambda *_: list(records),
        signature=lambda _: Signature(ALICE, 0),
    )
    return events.read(cast(Runtime, runtime), events=b"", extrinsics=EXTRINSICS).stake_transfers


@pytest.mark.parametrize("origin", [SUBNET, OTHER])
def test_what_arrived_counts_from_whichever_subnet_it_came(origin: int) -> None:
    [told] = read(removed(origin, 5_000), added(SUBNET, 4_321), transferred(origin, SUBNET))

    assert told == StakeTransfer(
        2, ALICE, TREASURY, HOTKEY, SUBNET, 4_321, answers.blake2(EXTRINSICS[0])
    )


def test_what_was_too_little_to_be_staked_again_is_nothing() -> None:
    [told] = read(removed(OTHER, 1), transferred(OTHER, SUBNET))

    assert told.alpha_rao == 0


def test_one_arrival_counts_for_one_transfer_of_a_batch() -> None:
    told = read(
        *(removed(OTHER, 5_000), added(SUBNET, 4_321), transferred(OTHER, SUBNET)),
        *(removed(OTHER, 1), transferred(OTHER, SUBNET)),
    )

    assert [one.alpha_rao for one in told] == [4_321, 0]


def test_the_arrival_of_another_extrinsic_is_none_of_this_one() -> None:
    told = read(added(SUBNET, 4_321), transferred(OTHER, SUBNET, extrinsic=1))

    assert [one.alpha_rao for one in told] == [0]


def test_a_transfer_within_a_subnet_that_tells_no_alpha_is_not_believed() -> None:
    with pytest.raises(EndpointFailed, match="how much alpha"):
        read(removed(SUBNET, 5_000), transferred(SUBNET, SUBNET))
