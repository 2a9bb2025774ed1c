"""Subnets of the local chain: places for hotkeys, and validators' weights under the chain's rules."""

import pytest
from bittensor_core import Keypair
from django.test import Client

from billing.chain.local import node, subnet, wire
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.local.subnet import RATE_LIMIT_BLOCKS, SignedWeights
from billing.chain.port import WeightsRefused
from billing.models import LocalWeights
from core.errors import Invalid

pytestmark = pytest.mark.django_db
NETUID = 51
VALIDATOR = Keypair.create_from_uri("//Alice")
MINER = Keypair.create_from_uri("//Bob").ss58_address
gateway = LocalChainGateway()


@pytest.fixture(autouse=True)
def places() -> None:
    for hotkey in (VALIDATOR.ss58_address, MINER):
        subnet.register(netuid=NETUID, hotkey=hotkey)


def set_weights(uids: list[int], weights: list[int], signer: Keypair = VALIDATOR) -> str:
    return gateway.set_weights(signer=signer, netuid=NETUID, uids=uids, weights=weights)


class TestPlaces:
    def test_are_given_in_order_and_kept(self) -> None:
        again = subnet.register(netuid=NETUID, hotkey=MINER)

        found = gateway.subnet(NETUID)

        assert again.uid == 1
        assert [(one.uid, one.hotkey) for one in found.neurons] == [
            (0, VALIDATOR.ss58_address),
            (1, MINER),
        ]

    def test_of_another_subnet_are_others(self) -> None:
        assert gateway.subnet(NETUID + 1).neurons == ()
        assert subnet.register(netuid=NETUID + 1, hotkey=MINER).uid == 0

    def test_are_given_over_http(self, client: Client) -> None:
        hotkey = Keypair.create_from_uri("//Charlie").ss58_address
        address = f"/localchain/subnets/{NETUID}"

        made = client.post(
            f"{address}/registrations", {"hotkey": hotkey}, content_type="application/json"
        )
        listed = client.get(f"{address}/neurons").json()

        assert (made.status_code, made.json()["uid"]) == (201, 2)
        assert listed["neurons"][2] == {"uid": 2, "hotkey": hotkey}


class TestWeights:
    def test_are_kept_as_they_were_set(self) -> None:
        digest = set_weights([0, 1], [65_535, 7])

        taken = LocalWeights.objects.get(hash=digest)
        assert (taken.uids, taken.weights, taken.hotkey) == (
            [0, 1],
            [65_535, 7],
            VALIDATOR.ss58_address,
        )

    def test_the_same_again_is_one(self) -> None:
        assert set_weights([1], [9]) == set_weights([1], [9])
        assert LocalWeights.objects.count() == 1

    def test_a_pause_lies_between_two_vectors(self) -> None:
        set_weights([1], [9])
        with pytest.raises(WeightsRefused, match="SettingWeightsTooFast"):
            set_weights([1], [8])

        node.produce(RATE_LIMIT_BLOCKS)

        set_weights([1], [8])
        assert LocalWeights.objects.count() == 2

    @pytest.mark.parametrize(
        ("uids", "weights", "why"),
        [
            ([], [], "WeightVecIsEmpty"),
            ([1, 1], [1, 2], "DuplicateUids"),
            ([9], [1], "InvalidUid"),
            ([1], [65_536], "u16"),
        ],
    )
    def test_bad_vectors_are_refused(self, uids: list[int], weights: list[int], why: str) -> None:
        with pytest.raises(WeightsRefused, match=why):
            set_weights(uids, weights)

    def test_a_stranger_has_none_to_set(self) -> None:
        with pytest.raises(WeightsRefused, match="NotRegistered"):
            set_weights([1], [1], Keypair.create_from_uri("//Dave"))

    def test_one_signed_long_ago_is_refused(self) -> None:
        message = wire.weights_payload(
            node.chain().genesis, netuid=NETUID, block=0, uids=[1], weights=[1]
        )
        signature = VALIDATOR.sign(message)
        node.produce(subnet.FRESH_BLOCKS + 1)

        with pytest.raises(WeightsRefused, match="Stale"):
            subnet.submit(SignedWeights(VALIDATOR.ss58_address, NETUID, 0, (1,), (1,), signature))

    def test_a_forged_signature_is_refused(self) -> None:
        with pytest.raises(Invalid, match="signature"):
            subnet.submit(SignedWeights(VALIDATOR.ss58_address, NETUID, 0, (1,), (1,), bytes(64)))
