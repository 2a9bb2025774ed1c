"""From deposit addresses to the treasury: once, whatever is killed, and to the rao in the ledger."""

from decimal import Decimal

import pytest
from bittensor_core import Keypair
from django.db import connection

from billing.accounts import deposits_account, network_fees_account, treasury_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import SignedTransfer
from billing.models import Invoice, LocalTransfer, OutgoingTransfer
from billing.services import proving, reconciling, sweeping
from core import clock
from tests.factories.billing import (
    TAO,
    TREASURY,
    Killed,
    LocalWallet,
    blocks,
    dying_at,
    fresh_balance,
    look,
    make_invoice,
)

pytestmark = pytest.mark.django_db
gateway = LocalChainGateway()


def reconciled() -> str:
    return reconciling.reconcile(gateway=gateway, now=clock.now(), pause=lambda _: None).status


FEE = node.FEE_RAO


@pytest.fixture
def paid() -> Invoice:
    invoice = make_invoice()
    LocalWallet().pay(invoice.address, TAO)
    blocks(3)
    return invoice


def sweep() -> int:
    return sweeping.sweep(gateway=gateway, now=clock.now())


def test_moves_everything_and_posts_the_fee(paid: Invoice) -> None:
    assert sweep() == 1
    blocks(3)

    assert OutgoingTransfer.objects.get().status == "final"
    assert gateway.balance(paid.address) == 0
    assert gateway.balance(TREASURY) == TAO - FEE
    balances = [
        fresh_balance(one()) for one in (deposits_account, treasury_account, network_fees_account)
    ]
    assert balances == [0, Decimal("-0.999875"), Decimal("-0.000125")]
    assert proving.findings() == []
    assert reconciled() == "clean"


def test_nothing_is_swept_twice(paid: Invoice) -> None:
    for _ in range(3):
        sweep()
        blocks(1)
    blocks(3)

    assert sweep() == 0
    assert OutgoingTransfer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_killed_at_every_statement_in_turn(paid: Invoice) -> None:
    deaths = 0
    while True:
        try:
            with connection.execute_wrapper(dying_at(deaths + 1)):
                sweep()
                node.produce(3)
                look()
            break
        except Killed:
            deaths += 1
    blocks(3)

    assert deaths > 30
    assert LocalTransfer.objects.filter(destination=TREASURY).count() == 1
    assert reconciled() == "clean"


def test_a_replaced_block_does_not_lose_it(paid: Invoice) -> None:
    sweep()
    blocks(1)

    node.reorganise(depth=1, drop=True)
    sweep()
    blocks(3)

    assert OutgoingTransfer.objects.get().status == "final"
    assert gateway.balance(TREASURY) == TAO - FEE


def test_a_refusal_is_kept_and_tried_anew_later(paid: Invoice) -> None:
    key = Keypair.create_from_uri(f"//Seed/{paid.derivation_index}")
    elsewhere: SignedTransfer = gateway.sign_transfer(signer=key, to=TREASURY, rao=TAO // 2)
    gateway.submit(elsewhere)  # half of it was moved by another hand

    assert sweep() == 0

    assert OutgoingTransfer.objects.get().status == "failed"
    assert OutgoingTransfer.objects.get().nonce is None
    assert "amount and fee" in OutgoingTransfer.objects.get().error
    assert sweep() == 0
    assert OutgoingTransfer.objects.count() == 1


def test_needs_a_treasury_and_the_seed(paid: Invoice, settings, monkeypatch) -> None:
    monkeypatch.delenv("MARKET_DEPOSIT_SEED")

    with pytest.raises(sweeping.SeedMissing):
        sweep()
    settings.TREASURY_ADDRESS = ""
    assert sweep() == 0


def test_the_seed_may_be_a_file(paid: Invoice, tmp_path, monkeypatch) -> None:
    (tmp_path / "seed").write_text("//Seed\n")
    monkeypatch.delenv("MARKET_DEPOSIT_SEED")
    monkeypatch.setenv("MARKET_DEPOSIT_SEED_FILE", str(tmp_path / "seed"))

    assert sweep() == 1
