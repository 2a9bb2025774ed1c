"""A runtime upgrade between two blocks of the real chain: each is read by the runtime that wrote it."""

from collections.abc import Iterator

import pytest
from bittensor_core import Keypair

from billing.chain.port import TransferRefused
from billing.chain.subtensor.state import PALLET
from tests.billing.chain import upgrade as upgrades
from tests.billing.chain.runtime import Runtime
from tests.billing.chain.sides import ALICE, TAO, Subtensor

pytestmark = [pytest.mark.xdist_group("chain"), pytest.mark.timeout(600)]
BOB = Keypair.create_from_uri("//Upgrade")
NO_SUBNET = 999


@pytest.fixture
def upgraded(runtime: Runtime) -> Iterator[Runtime]:
    """Give the runtime for an upgrade, which is undone afterwards."""
    if reason := upgrades.why_not():
        pytest.skip(reason)
    before = runtime.produce()
    runtime.produce()
    yield runtime
    runtime.forget(before)


def something_happens(side: Subtensor) -> None:
    """Pay somebody, fail at something, and make a block of it."""
    side.call(PALLET, "burned_register", netuid=NO_SUBNET, hotkey=BOB.ss58_address)
    side.gateway.submit(side.gateway.sign_transfer(signer=ALICE, to=BOB.ss58_address, rao=TAO))
    side.finalize()


def spec_of(runtime: Runtime) -> int:
    return int(runtime.connection.ask("state_getRuntimeVersion")["specVersion"])


def test_each_block_is_read_by_the_runtime_that_wrote_it(
    upgraded: Runtime, subtensor: Subtensor
) -> None:
    start, spec = subtensor.gateway.heads().finalized, spec_of(upgraded)
    something_happens(subtensor)
    early = subtensor.gateway.sign_transfer(signer=ALICE, to=BOB.ss58_address, rao=TAO)

    upgrades.upgrade(upgraded, subtensor, spec=spec)
    something_happens(subtensor)

    assert spec_of(upgraded) == spec + 1
    blocks = subtensor.another().scan(after=start, upto=start + 3).blocks
    failures = [one.failed for block in blocks for one in block.outcomes if one.failed]
    assert failures == [upgrades.OLD_ERROR, upgrades.NEW_ERROR]
    paid = [(one.destination, one.rao) for block in blocks for one in block.transfers]
    assert paid == 2 * [(BOB.ss58_address, TAO)]
    with pytest.raises(TransferRefused):
        subtensor.gateway.submit(early)
