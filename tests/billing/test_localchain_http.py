"""The local chain over HTTP, as a wallet uses it: faucet, nonce, signed transfer, block."""

import json
import os
from itertools import count

import pytest
from bittensor_core import Keypair
from django.test import Client

from billing.chain.local import node, wire
from billing.chain.local.gateway import LocalChainGateway
from tests.factories.billing import HOTKEY, TAO

pytestmark = pytest.mark.django_db
ALICE = Keypair.create_from_uri("//Alice")
BOB = Keypair.create_from_uri("//Bob")


_peers = count(1)


@pytest.fixture
def client() -> Client:
    """A peer of its own, so that no other test counts against its limits."""
    return Client(
        enforce_csrf_checks=True, REMOTE_ADDR=f"198.18.{os.getpid() % 256}.{next(_peers)}"
    )


def send(client: Client, path: str, body: object):
    return client.post(f"/localchain/{path}", body, content_type="application/json")


def signed(client: Client, *, rao: int) -> dict[str, object]:
    genesis = client.get("/localchain/head").json()["genesis"]
    nonce = client.get(f"/localchain/accounts/{ALICE.ss58_address}").json()["nonce"]
    message = wire.payload(genesis, nonce=nonce, destination=BOB.public_key, rao=rao)
    return {
        "from": ALICE.ss58_address,
        "to": BOB.ss58_address,
        "amount_rao": str(rao),
        "nonce": nonce,
        "signature": "0x" + ALICE.sign(message).hex(),
    }


def test_a_wallet_pays(client: Client) -> None:
    faucet = send(client, "faucet", {"address": ALICE.ss58_address, "amount_rao": str(5 * TAO)})
    assert faucet.status_code == 201
    node.produce()

    answer = send(client, "transfers", signed(client, rao=TAO))
    node.produce()

    assert answer.status_code == 201
    block = client.get(f"/localchain/blocks/{answer.json()['block_number']}").json()
    assert block["transfers"][0]["amount_rao"] == str(TAO)
    assert block["final"] is False
    bob = client.get(f"/localchain/accounts/{BOB.ss58_address}").json()
    assert bob["free_rao"] == str(TAO)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{",
        '"x"',
        {},
        {"address": "5Junk", "amount_rao": 1000},
        {"address": BOB.ss58_address, "amount_rao": "many"},
        {"address": BOB.ss58_address, "amount_rao": 10**30},
        {"address": BOB.ss58_address, "amount_rao": -1},
        *(
            {"address": BOB.ss58_address, "amount_rao": 1, "netuid": netuid, "hotkey": HOTKEY}
            for netuid in (-1, 65_536, 10**12)
        ),
    ],
)
def test_the_faucet_says_what_is_wrong(client: Client, body: object) -> None:
    answer = send(client, "faucet", body)

    assert answer.status_code == 422
    assert answer.json()["hint"]


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "0xzz"},
        {"signature": "0x00"},
        {"amount_rao": 2 * TAO},
        {"nonce": 7},
        {"nonce": -1},
        {"amount_rao": 2**64},
        {"to": "nobody"},
    ],
)
def test_a_transfer_that_is_not_right_moves_nothing(
    client: Client, change: dict[str, object]
) -> None:
    node.mint(address=ALICE.ss58_address, rao=5 * TAO)

    answer = send(client, "transfers", signed(client, rao=TAO) | change)

    assert answer.status_code == 422
    assert answer.json()["message"]
    assert node.account(BOB.ss58_address).free_rao == 0


@pytest.mark.parametrize("netuid", [65_536, 10**12])
def test_there_are_no_more_subnets_than_the_ledger_can_name(client: Client, netuid: int) -> None:
    wish = LocalChainGateway().sign_stake_transfer(
        signer=ALICE, to=BOB.ss58_address, hotkey=HOTKEY, netuid=netuid, alpha_rao=1
    )

    sent = send(client, "transfers", json.loads(wish.body))
    registered = send(client, f"subnets/{netuid}/registrations", {"hotkey": HOTKEY})

    assert (sent.status_code, registered.status_code) == (422, 422)
    assert "is no subnet" in sent.json()["message"]


def test_a_block_of_the_future_is_not_there(client: Client) -> None:
    assert client.get("/localchain/blocks/999").status_code == 404


def test_the_faucet_is_limited(client: Client) -> None:
    body = {"address": ALICE.ss58_address, "amount_rao": "1000"}
    answers = [send(client, "faucet", body) for _ in range(21)]

    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0


def test_the_faucet_counts_all_addresses_of_one_network() -> None:
    body = {"address": ALICE.ss58_address, "amount_rao": "1000"}
    network = f"2001:db8:{os.getpid() % 65536:x}:{next(_peers):x}"
    answers = [
        send(Client(REMOTE_ADDR=f"{network}::{peer:x}"), "faucet", body) for peer in range(1, 22)
    ]

    assert answers[-1].status_code == 429
