"""Transfers that we send: one nonce each, one signature at a time, ended by final blocks alone."""

from dataclasses import replace
from decimal import Decimal

import pytest
from bittensor_core import Keypair
from django.db.models import Q

from billing.accounts import network_fees_account, treasury_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import Block, Outcome, SignedTransfer, Signer, TransferRefused
from billing.models import OutgoingTransfer, PaymentEvent, TransferKind
from billing.services import endings, outgoing
from core import clock
from tests.factories.billing import (
    TAO,
    TREASURY,
    LocalWallet,
    blocks,
    fresh_balance,
    in_parallel,
)

pytestmark = pytest.mark.django_db
gateway = LocalChainGateway()
FEE = node.FEE_RAO
KEY = Keypair.create_from_uri("//Treasury")
BOB = LocalWallet("//Bob", tao=0).address


@pytest.fixture(autouse=True)
def kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing wait for a payout here: the machine alone is looked at."""

    class Nothing:
        def legs(self, row: OutgoingTransfer) -> list:
            return []

        def settle(self, row: OutgoingTransfer, *, now) -> None:
            return None

    monkeypatch.setitem(endings.ENDINGS, TransferKind.PAYOUT, Nothing())


@pytest.fixture
def funded() -> None:
    node.mint(address=TREASURY, rao=10 * TAO)  # which the watcher holds as a stranger's
    blocks(3)


def plan(rao: int = TAO) -> OutgoingTransfer:
    now = clock.now()
    return OutgoingTransfer.objects.create(
        kind=TransferKind.PAYOUT,
        sender=TREASURY,
        destination=BOB,
        amount_rao=rao,
        fee_rao=FEE,
        created_at=now,
        updated_at=now,
    )


def send(chain: LocalChainGateway = gateway, signer: Signer = KEY) -> int:
    return outgoing.send(gateway=chain, which=Q(), signer_of=lambda _: signer, now=clock.now())


def statuses() -> list[str]:
    return list(OutgoingTransfer.objects.order_by("pk").values_list("status", flat=True))


class Mortal(LocalChainGateway):
    """A chain whose signatures lapse; nothing that is sent arrives while it is ``deaf``."""

    deaf = True
    made = 0

    def sign_transfer(self, **wish: object) -> SignedTransfer:
        self.made += 1
        signed = super().sign_transfer(**wish)  # type: ignore[arg-type]
        return replace(
            signed, hash=f"{signed.hash[:-1]}{self.made}", last_block=node.chain().head + 2
        )

    def submit(self, signed: SignedTransfer) -> None:
        if self.deaf:
            raise TransferRefused("The node is asleep.")
        super().submit(signed)


def test_nonces_follow_each_other(funded: None) -> None:
    rows = [plan(), plan(), plan()]

    assert send() == 3
    blocks(3)

    assert statuses() == ["final"] * 3
    assert [OutgoingTransfer.objects.get(pk=row.pk).nonce for row in rows] == [0, 1, 2]
    assert gateway.balance(BOB) == 3 * TAO


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_use_a_nonce_twice(funded: None) -> None:
    for _ in range(6):
        plan(TAO // 2)

    in_parallel(3, lambda _: send())
    for _ in range(4):
        send()
        blocks(1)

    assert statuses() == ["final"] * 6
    assert gateway.balance(BOB) == 3 * TAO
    assert sorted(OutgoingTransfer.objects.values_list("nonce", flat=True)) == list(range(6))


def test_waits_for_the_treasury_and_says_so() -> None:
    row = plan()

    assert send() == 0

    row.refresh_from_db()
    assert (row.status, row.nonce) == ("planned", None)
    assert f"holds 0 rao; amount and fee, with what goes before, are {TAO + FEE}" in row.error
    node.mint(address=TREASURY, rao=2 * TAO)
    assert send() == 1


def test_counts_what_goes_before(funded: None) -> None:
    plan(6 * TAO)
    plan(6 * TAO)  # the treasury holds ten

    assert send() == 1

    assert statuses() == ["signed", "planned"]


def test_a_foreign_transfer_with_the_nonce_ends_it(funded: None) -> None:
    row = plan()
    chain = Mortal()
    send(chain)
    gateway.submit(_other())
    blocks(3)

    row.refresh_from_db()
    assert (row.status, row.fee_rao) == ("failed", 0)
    assert PaymentEvent.objects.latest("pk").reason_code == "nonce_taken"


def _other() -> SignedTransfer:
    return gateway.sign_transfer(signer=KEY, to=BOB, rao=TAO // 7, nonce=0)


def test_a_nonce_that_was_handed_out_and_taken_is_replaced(funded: None) -> None:
    row = plan()
    OutgoingTransfer.objects.update(nonce=0)
    gateway.submit(_other())
    blocks(3)

    row.refresh_from_db()
    assert (row.status, row.nonce) == ("planned", None)
    send()
    blocks(3)
    assert (statuses(), gateway.balance(BOB)) == (["final"], TAO + TAO // 7)


def test_a_refusal_of_a_node_is_no_end(funded: None) -> None:
    chain = Mortal()
    row = plan()

    assert send(chain) == 0
    row.refresh_from_db()
    assert (row.status, row.error) == ("signed", "The node is asleep.")
    chain.deaf = False
    assert send(chain) == 1
    row.refresh_from_db()
    assert row.error == ""


def test_what_lapsed_is_signed_anew_with_its_nonce(funded: None) -> None:
    chain = Mortal()
    row = plan()
    send(chain)
    row.refresh_from_db()
    first = row.extrinsic_hash

    blocks(1)
    send(chain)
    assert chain.made == 1
    blocks(4)
    send(chain)

    row.refresh_from_db()
    assert (row.status, row.nonce, chain.made) == ("signed", 0, 2)
    assert row.extrinsic_hash != first


def test_a_gap_is_filled(funded: None) -> None:
    later, gap = plan(), plan()
    OutgoingTransfer.objects.filter(pk=later.pk).update(nonce=1)

    send()
    send()
    blocks(3)

    gap.refresh_from_db()
    assert (statuses(), gap.nonce) == (["final", "final"], 0)


def test_a_nonce_too_high_is_given_back_once_its_signature_lapsed(funded: None) -> None:
    chain = Mortal()
    row = plan()
    OutgoingTransfer.objects.update(nonce=5)
    send(chain)
    blocks(5)

    send(chain)
    row.refresh_from_db()
    assert (row.status, row.nonce) == ("planned", None)
    chain.deaf = False
    send(chain)
    row.refresh_from_db()
    assert (row.status, row.nonce) == ("signed", 0)


def test_what_lapsed_and_lost_its_nonce_is_over(funded: None) -> None:
    chain = Mortal()
    row = plan()
    send(chain)
    OutgoingTransfer.objects.update(last_block=0)
    gateway.submit(_other())

    send(chain)

    row.refresh_from_db()
    assert row.status == "failed"


def test_a_failure_on_the_chain_posts_its_fee(funded: None) -> None:
    row = plan()
    send(Mortal())
    row.refresh_from_db()
    block = Block(
        number=9,
        hash="0x9",
        at=clock.now(),
        outcomes=[Outcome(row.extrinsic_hash, TREASURY, 77, failed="Token.Frozen", nonce=0)],
    )

    for _ in range(2):
        endings.finish(endings.awaited([block]), block, now=clock.now())

    row.refresh_from_db()
    assert (row.status, row.error, row.fee_rao) == ("failed", "Token.Frozen", 77)
    assert fresh_balance(network_fees_account()) == Decimal("-0.000000077")
    assert fresh_balance(treasury_account()) == Decimal("-10") + Decimal("0.000000077")


class Refusing(LocalChainGateway):
    """A chain that cannot express a transfer."""

    def sign_transfer(self, **wish: object) -> SignedTransfer:
        raise TransferRefused("The runtime does not know the call.")


def test_what_cannot_be_signed_says_why(funded: None) -> None:
    plan()

    assert send(Refusing()) == 0

    assert OutgoingTransfer.objects.get().error == "The runtime does not know the call."
    assert send() == 1


def test_another_key_signs_nothing(funded: None) -> None:
    plan()

    assert send(signer=Keypair.create_from_uri("//Eve")) == 0

    assert statuses() == ["planned"]
    assert TREASURY in OutgoingTransfer.objects.get().error
