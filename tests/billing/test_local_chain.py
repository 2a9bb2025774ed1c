"""The local chain: clock, finality, signatures, nonces, reorganisations, and idle weeks."""

from datetime import timedelta

import pytest
from bittensor_core import Keypair
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from billing.chain.local import node, wire
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.local.node import SignedWish
from billing.chain.port import TransferRefused
from billing.models import LocalChain, LocalTransfer
from core import clock
from core.errors import Invalid
from tests.factories.billing import TAO, LocalWallet, in_parallel

pytestmark = pytest.mark.django_db
BOB = Keypair.create_from_uri("//Bob").ss58_address
gateway = LocalChainGateway()


class TestClock:
    @pytest.fixture(autouse=True)
    def _stands(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let no time pass but what a test says."""
        now = clock.now()
        monkeypatch.setattr(clock, "now", lambda: now)

    def test_heads_follow_the_clock(self, settings: Settings) -> None:
        settings.LOCALCHAIN_BLOCK_SECONDS = 1
        node.chain()
        age(timedelta(seconds=10))

        heads = gateway.heads()

        assert heads.best == 10
        assert heads.finalized == heads.best - 2

    def test_never_goes_back(self, settings: Settings) -> None:
        settings.LOCALCHAIN_BLOCK_SECONDS = 1
        node.chain()
        age(timedelta(seconds=10))
        gateway.heads()
        age(-timedelta(seconds=8))

        assert gateway.heads().best == 10

    def test_an_idle_month_costs_nothing(self, settings: Settings) -> None:
        settings.LOCALCHAIN_BLOCK_SECONDS = 1
        node.chain()
        age(timedelta(days=30))

        with CaptureQueriesContext(
            connection,
        ) as queries:
            scan = gateway.scan(after=0, upto=gateway.heads().finalized)

        assert scan.until.number >= 30 * 86_400 - 2
        assert len(queries) < 15
        assert not LocalTransfer.objects.exists()


class TestTransfers:
    def test_an_old_nonce_is_refused(self) -> None:
        alice = LocalWallet()
        stale = gateway.sign_transfer(signer=alice.keypair, to=BOB, rao=2 * TAO)
        alice.pay(BOB, TAO)

        with pytest.raises(TransferRefused, match="nonce"):
            gateway.submit(stale)

    def test_somebody_elses_signature_is_refused(self) -> None:
        alice, mallory = LocalWallet(), Keypair.create_from_uri("//Mallory")
        message = wire.payload(
            node.chain().genesis,
            nonce=0,
            destination=Keypair.create_from_uri("//Bob").public_key,
            rao=TAO,
        )

        with pytest.raises(Invalid, match="signature"):
            node.submit(SignedWish(alice.address, BOB, TAO, 0, mallory.sign(message)))

    @pytest.mark.parametrize(
        ("rao", "why"),
        [
            (101 * TAO, "amount and fee"),
            (100 * TAO, "amount and fee"),
            (100 * TAO - node.FEE_RAO - 1, "existential"),
            (499, "existential"),
            (0, "above zero"),
        ],
    )
    def test_refuses_what_cannot_be_paid(self, rao: int, why: str) -> None:
        with pytest.raises(TransferRefused, match=why):
            LocalWallet().pay(BOB, rao)

    def test_everything_can_be_sent(self) -> None:
        alice = LocalWallet()

        alice.pay(BOB, 100 * TAO - node.FEE_RAO)

        assert gateway.balance(alice.address) == 0

    def test_the_faucet_has_a_limit(self) -> None:
        with pytest.raises(Invalid, match="faucet"):
            node.mint(address=BOB, rao=node.FAUCET_LIMIT_RAO + 1)


class TestReorganisation:
    def test_replaced_blocks_have_other_hashes_and_the_transfer_comes_again(self) -> None:
        alice = LocalWallet()
        alice.pay(BOB, TAO)
        head = node.produce().head
        before = [gateway.block(number).hash for number in (head - 1, head)]

        node.reorganise(depth=1)

        after = [gateway.block(number).hash for number in (head - 1, head)]
        assert after[0] == before[0]
        assert after[1] != before[1]
        assert gateway.block(head).transfers == ()
        assert len(gateway.block(head + 1).transfers) == 1
        assert gateway.balance(BOB) == TAO

    def test_a_dropped_transfer_gives_the_funds_back(self) -> None:
        alice = LocalWallet()
        signed = gateway.sign_transfer(signer=alice.keypair, to=BOB, rao=TAO)
        gateway.submit(signed)
        node.produce()

        node.reorganise(depth=1, drop=True)

        assert gateway.balance(BOB) == 0
        assert gateway.balance(alice.address) == 100 * TAO
        gateway.submit(signed)
        assert gateway.balance(BOB) == TAO

    def test_final_blocks_stay(self) -> None:
        node.produce(10)

        with pytest.raises(Invalid, match="newest 2"):
            node.reorganise(depth=3)


@pytest.mark.django_db(transaction=True)
def test_parallel_senders_keep_every_rao() -> None:
    wallets = [LocalWallet(f"//Sender{number}") for number in range(4)]

    def work(number: int) -> None:
        for _ in range(5):
            wallets[number].pay(BOB, TAO)

    in_parallel(4, work)

    assert gateway.balance(BOB) == 20 * TAO
    places = LocalTransfer.objects.filter(destination=BOB).values_list(
        "block_number", "event_index"
    )
    assert len(set(places)) == 20


def age(by: timedelta) -> None:
    state = LocalChain.objects.get()
    LocalChain.objects.update(genesis_at=state.genesis_at - by)
