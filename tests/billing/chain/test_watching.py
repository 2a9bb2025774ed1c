"""The watcher on the real runtime: a deposit counts once, and a final block that vanished is noticed."""

from datetime import timedelta
from uuid import uuid4

import pytest
from bittensor_core import Keypair
from pytest_django import Settings

from billing import watcher
from billing.chain.gateway import gateway
from billing.chain.port import ChainReplaced, ChainUnavailable
from billing.models import ChainAlarm, ChainCursor, Deposit, Entry
from billing.selectors import balance_usd
from core import clock
from tests.billing.chain.runtime import Runtime
from tests.billing.chain.sides import ALICE, TAO
from tests.factories.billing import make_invoice

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.xdist_group("chain"),
    pytest.mark.timeout(600),
]


@pytest.fixture(autouse=True)
def watched(real_chain: None, settings: Settings) -> None:
    """Watch the real runtime at addresses that no other test has paid to: a new market reads some blocks back."""
    deposits = Keypair.create_from_uri(f"//Deposits/{uuid4()}")
    settings.DEPOSIT_PUBLIC_KEY = "0x" + bytes(deposits.public_key).hex()


def look() -> ChainCursor:
    return watcher.watch(gateway=gateway(), now=clock.now())


def pay(address: str, rao: int) -> None:
    side = gateway()
    side.submit(side.sign_transfer(signer=ALICE, to=address, rao=rao))


def test_a_deposit_counts_once(runtime: Runtime) -> None:
    invoice = make_invoice(life=timedelta(days=1))
    look()
    pay(invoice.address, TAO // 10)
    runtime.produce()

    for _ in range(3):
        look()

    invoice.refresh_from_db()
    assert (invoice.status, balance_usd(invoice.workspace)) == ("paid", 35)
    assert Deposit.objects.count() == 1
    assert Entry.objects.filter(kind="deposit").count() == 2


def test_a_final_block_that_vanished_is_noticed_and_debits_nothing(runtime: Runtime) -> None:
    invoice = make_invoice(life=timedelta(days=1))
    before = runtime.produce()
    look()
    pay(invoice.address, TAO // 10)
    vanishing = runtime.produce()
    assert look().block_hash == vanishing

    runtime.forget(before)
    try:
        with pytest.raises(ChainUnavailable):
            look()
        runtime.produce(2)
        with pytest.raises(ChainReplaced):
            look()
    finally:
        runtime.forget(vanishing)

    invoice.refresh_from_db()
    alarm = ChainAlarm.objects.get()
    assert (alarm.recorded_hash, alarm.closed_at) == (vanishing, None)
    assert (invoice.status, balance_usd(invoice.workspace)) == ("paid", 35)
    assert Entry.objects.filter(kind="deposit").count() == 2
