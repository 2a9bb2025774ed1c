"""What every side of the chain port does: the local chain, and the real Subtensor runtime."""

from datetime import timedelta
from uuid import uuid4

import pytest
from bittensor_core import Keypair

from billing.chain.port import (
    Block,
    ChainReplaced,
    Outcome,
    SignedTransfer,
    TransferRefused,
    WeightsRefused,
)
from tests.billing.chain.sides import ALICE, NETUID, TAO, Side

# One worker: the real runtime takes its time to start.
pytestmark = [pytest.mark.xdist_group("chain"), pytest.mark.timeout(600)]


def somebody() -> Keypair:
    """Make a key that no chain has seen."""
    return Keypair.create_from_uri(f"//{uuid4()}")


def sent(side: Side, *, to: Keypair, rao: int) -> SignedTransfer:
    signed = side.gateway.sign_transfer(signer=ALICE, to=to.ss58_address, rao=rao)
    side.gateway.submit(signed)
    return signed


def read(side: Side, *, after: int) -> list[Block]:
    """Read all final blocks after one, as the watcher does."""
    found = list[Block]()
    upto = side.gateway.heads().finalized
    while after < upto:
        scan = side.gateway.scan(after=after, upto=upto)
        found.extend(scan.blocks)
        after = scan.until.number
    return found


def outcomes(blocks: list[Block], signed: SignedTransfer) -> list[Outcome]:
    return [one for block in blocks for one in block.outcomes if one.extrinsic_hash == signed.hash]


class TestChain:
    def test_says_which_it_is(self, side: Side) -> None:
        network = side.gateway.network()

        assert network.simulated is side.simulated
        assert network.genesis == side.gateway.network().genesis
        assert network.genesis.startswith("0x")
        assert len(network.genesis) == 66
        assert network.block_seconds >= 1
        assert 0 <= network.first_block <= side.gateway.heads().finalized

    def test_grows_and_nothing_is_final_before_it_is_there(self, side: Side) -> None:
        before = side.gateway.heads()

        side.produce()

        after = side.gateway.heads()
        assert after.best > before.best
        assert before.finalized <= after.finalized <= after.best

    def test_blocks_come_in_order_without_a_gap(self, side: Side) -> None:
        start = side.gateway.heads().finalized
        signed = sent(side, to=somebody(), rao=TAO)
        side.finalize()
        upto = side.gateway.heads().finalized

        whole = side.gateway.scan(after=start, upto=upto)
        piecewise = [
            block
            for number in range(start, upto)
            for block in side.gateway.scan(after=number, upto=number + 1).blocks
        ]

        assert whole.until.number == upto
        assert list(whole.blocks) == piecewise
        assert [block.number for block in whole.blocks] == sorted({one.number for one in piecewise})
        assert len(outcomes(piecewise, signed)) == 1
        assert all(side.gateway.block(one.number) == one for one in piecewise)
        assert all(one.at.tzinfo is not None for one in piecewise)

    def test_nothing_after_the_end_is_an_empty_scan(self, side: Side) -> None:
        end = side.gateway.heads().finalized

        scan = side.gateway.scan(after=end, upto=end)

        assert (list(scan.blocks), scan.until.number) == ([], end)

    def test_is_held_to_what_was_read(self, side: Side) -> None:
        gateway = side.another()
        number = gateway.heads().finalized
        gateway.hold_to(number=number, hash=gateway.block(number).hash)

        with pytest.raises(ChainReplaced):
            gateway.hold_to(number=number, hash="0x" + "00" * 32)


class TestTransfers:
    def test_arrive_once_and_tell_what_they_cost(self, side: Side) -> None:
        bob, start = somebody(), side.gateway.heads().finalized
        funds = side.gateway.balance(ALICE.ss58_address)

        signed = sent(side, to=bob, rao=12_500_000_000)
        side.finalize()

        blocks = read(side, after=start)
        [transfer] = [
            one for block in blocks for one in block.transfers if one.extrinsic_hash == signed.hash
        ]
        [outcome] = outcomes(blocks, signed)
        assert (transfer.sender, transfer.destination, transfer.rao) == (
            ALICE.ss58_address,
            bob.ss58_address,
            12_500_000_000,
        )
        assert (outcome.signer, outcome.failed, outcome.nonce) == (
            ALICE.ss58_address,
            "",
            signed.nonce,
        )
        assert 0 < outcome.fee_rao <= side.gateway.transfer_fee()
        assert side.gateway.balance(bob.ss58_address) == 12_500_000_000
        left = funds - 12_500_000_000 - outcome.fee_rao
        assert side.gateway.balance(ALICE.ss58_address) == left

    def test_may_be_repeated_before_and_after_their_block(self, side: Side) -> None:
        bob, start = somebody(), side.gateway.heads().finalized
        signed = sent(side, to=bob, rao=TAO)

        side.gateway.submit(signed)
        side.finalize()
        side.gateway.submit(signed)
        side.finalize()

        assert side.gateway.balance(bob.ss58_address) == TAO
        assert len(outcomes(read(side, after=start), signed)) == 1

    def test_of_one_nonce_one_gets_through(self, side: Side) -> None:
        bob, charlie = somebody(), somebody()
        nonce = side.gateway.next_nonce(ALICE.ss58_address)
        both = [
            side.gateway.sign_transfer(signer=ALICE, to=to.ss58_address, rao=TAO, nonce=nonce)
            for to in (bob, charlie)
        ]

        for signed in both:
            try:
                side.gateway.submit(signed)
            except TransferRefused:
                continue
        side.finalize()

        assert sorted(side.gateway.balance(one.ss58_address) for one in (bob, charlie)) == [0, TAO]

    def test_follow_each_other_by_their_nonces(self, side: Side) -> None:
        bob = somebody()
        first = side.gateway.next_nonce(ALICE.ss58_address)

        for nonce in (first, first + 1, first + 2):
            side.gateway.submit(
                side.gateway.sign_transfer(signer=ALICE, to=bob.ss58_address, rao=TAO, nonce=nonce)
            )
        side.finalize()

        assert side.gateway.balance(bob.ss58_address) == 3 * TAO
        assert side.gateway.next_nonce(ALICE.ss58_address) == first + 3

    def test_of_what_is_not_there_move_nothing(self, side: Side) -> None:
        bob, poor = somebody(), somebody()
        signed = side.gateway.sign_transfer(signer=poor, to=bob.ss58_address, rao=TAO)

        with pytest.raises(TransferRefused):
            side.gateway.submit(signed)
        side.finalize()

        assert side.gateway.balance(bob.ss58_address) == 0
        assert side.gateway.balance(poor.ss58_address) == 0

    def test_that_empty_an_address_tell_all_that_the_chain_took(self, side: Side) -> None:
        bob, charlie, start = somebody(), somebody(), side.gateway.heads().finalized
        sent(side, to=bob, rao=TAO)
        side.finalize()

        # As much as a sweep takes: the fee is smaller, and what is left keeps no account alive.
        rao = TAO - side.gateway.transfer_fee()
        signed = side.gateway.sign_transfer(signer=bob, to=charlie.ss58_address, rao=rao)
        side.gateway.submit(signed)
        side.finalize()

        [outcome] = outcomes(read(side, after=start), signed)
        assert side.gateway.balance(charlie.ss58_address) == rao
        assert side.gateway.balance(bob.ss58_address) == TAO - rao - outcome.fee_rao == 0

    def test_that_are_real_lapse(self, side: Side) -> None:
        signed = side.gateway.sign_transfer(signer=ALICE, to=somebody().ss58_address, rao=TAO)

        final = side.gateway.heads().finalized
        assert (signed.last_block is None) is side.simulated
        assert signed.last_block is None or final < signed.last_block < final + 64


class TestSubnets:
    def test_have_places_in_order(self, side: Side) -> None:
        hotkey = somebody()
        side.join(hotkey.ss58_address)

        subnet = side.gateway.subnet(NETUID)

        assert [one.uid for one in subnet.neurons] == list(range(len(subnet.neurons)))
        [own] = [one for one in subnet.neurons if one.hotkey == hotkey.ss58_address]
        assert own.last_update_block >= 0
        assert subnet.emission_rao >= 0

    def test_say_what_they_demand_of_weights(self, side: Side) -> None:
        demands = side.gateway.hyperparameters(NETUID)

        assert demands.tempo == side.gateway.subnet(NETUID).tempo > 0
        assert demands.weights_rate_limit > 0
        assert 0 < demands.max_weights_limit <= 65_535
        assert demands.reveal_period_epochs >= 1

    def test_have_a_price_of_their_alpha(self, side: Side) -> None:
        price = side.gateway.alpha_price(NETUID)

        assert price.tao_per_alpha > 0
        assert price.block <= side.gateway.heads().finalized
        assert price.at - side.gateway.block(price.block).at == timedelta(0)

    def test_take_weights_once_in_a_while(self, side: Side) -> None:
        validator = somebody()
        side.join(validator.ss58_address)
        demands = side.gateway.hyperparameters(NETUID)
        side.produce(demands.weights_rate_limit)
        uid = own_uid(side, validator)

        def set_weights(weight: int) -> str:
            with side.making_blocks():
                return side.gateway.set_weights(
                    signer=validator, netuid=NETUID, uids=[uid], weights=[weight]
                )

        set_weights(65_535)
        with pytest.raises(WeightsRefused, match="SettingWeightsTooFast"):
            set_weights(65_534)
        side.finalize()

        [own] = [one for one in side.gateway.subnet(NETUID).neurons if one.uid == uid]
        assert own.last_update_block > 0

    def test_take_no_weights_of_strangers(self, side: Side) -> None:
        with side.making_blocks(), pytest.raises(WeightsRefused, match="NotRegistered"):
            side.gateway.set_weights(signer=somebody(), netuid=NETUID, uids=[0], weights=[1])


class TestStake:
    def test_of_nobody_is_nothing(self, side: Side) -> None:
        assert side.gateway.stake(somebody().ss58_address, NETUID) == ()

    def test_is_transferred_where_the_chain_can(self, side: Side) -> None:
        bob, hotkey = somebody(), somebody()
        if not side.has_stake_transfers:
            with pytest.raises(TransferRefused, match=r"SubtensorModule\.transfer_stake"):
                self.signed(side, to=bob, hotkey=hotkey)
            return
        side.stake(hotkey, rao=5 * TAO)
        start = side.gateway.heads().finalized

        signed = self.signed(side, to=bob, hotkey=hotkey)
        side.gateway.submit(signed)
        side.finalize()

        [transfer] = [one for block in read(side, after=start) for one in block.stake_transfers]
        assert (transfer.sender, transfer.destination) == (ALICE.ss58_address, bob.ss58_address)
        assert (transfer.hotkey, transfer.netuid) == (hotkey.ss58_address, NETUID)
        assert (transfer.alpha_rao, transfer.extrinsic_hash) == (2 * TAO, signed.hash)
        [stake] = side.gateway.stake(bob.ss58_address, NETUID)
        assert (stake.hotkey, stake.alpha_rao) == (hotkey.ss58_address, 2 * TAO)

    def signed(self, side: Side, *, to: Keypair, hotkey: Keypair) -> SignedTransfer:
        return side.gateway.sign_stake_transfer(
            signer=ALICE,
            to=to.ss58_address,
            hotkey=hotkey.ss58_address,
            netuid=NETUID,
            alpha_rao=2 * TAO,
        )


def own_uid(side: Side, hotkey: Keypair) -> int:
    [own] = [
        one for one in side.gateway.subnet(NETUID).neurons if one.hotkey == hotkey.ss58_address
    ]
    return own.uid
