"""Held deposits on their way back: two administrators, the sender bears the fee of TAO."""

from decimal import Decimal

import pytest

from billing import ledger
from billing.accounts import network_fees_account, suspense_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.models import Deposit, OutgoingTransfer
from billing.reasons import Reason
from billing.services import endings, refunding, settlement
from core import clock
from core.actors import Actor
from core.errors import Conflict, Forbidden, IllegalTransition, Invalid
from tests.factories.billing import TAO, TREASURY, LocalWallet, blocks, fresh_balance, make_invoice
from tests.factories.payouts import ADA, GRACE, agrees_with_chain, new_administrator, pay

pytestmark = pytest.mark.django_db
chain = LocalChainGateway()
FEE = node.FEE_RAO


@pytest.fixture(autouse=True)
def payout_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_PAYOUT_SEED", "//Treasury")


@pytest.fixture
def stranger() -> LocalWallet:
    return LocalWallet("//Charlie", tao=5)


@pytest.fixture
def asked(stranger: LocalWallet) -> Deposit:
    stranger.pay(TREASURY, TAO)
    blocks(3)
    deposit = Deposit.objects.get()
    ask(deposit)
    return deposit


def ask(deposit: Deposit, actor: Actor = ADA) -> None:
    settlement.request_refund(
        deposit_id=deposit.public_id, reason="Not ours", actor=actor, now=clock.now()
    )


def approve(deposit: Deposit, actor: Actor = GRACE) -> OutgoingTransfer:
    return refunding.approve(
        deposit_id=deposit.public_id, fee_rao=FEE, actor=actor, now=clock.now()
    )


def test_goes_back_less_the_fee(asked: Deposit, stranger: LocalWallet) -> None:
    before = chain.balance(stranger.address)
    approve(asked)

    assert pay() == 1
    blocks(3)

    asked.refresh_from_db()
    assert asked.status == "refunded"
    assert chain.balance(stranger.address) - before == TAO - FEE
    assert (fresh_balance(suspense_account()), fresh_balance(network_fees_account())) == (0, 0)
    assert agrees_with_chain()
    assert set(ledger.trial_balance().values()) == {Decimal(0)}


def test_nobody_approves_with_powers_younger_than_a_day(asked: Deposit) -> None:
    with pytest.raises(Forbidden, match="neither proposes nor approves"):
        approve(asked, new_administrator())


def test_nobody_asks_with_powers_younger_than_a_day(stranger: LocalWallet) -> None:
    stranger.pay(TREASURY, TAO)
    blocks(3)

    with pytest.raises(Forbidden, match="neither proposes nor approves"):
        ask(Deposit.objects.get(), new_administrator())

    assert Deposit.objects.get().status == "unmatched"


def test_nobody_approves_what_they_asked_for(asked: Deposit) -> None:
    with pytest.raises(Forbidden):
        approve(asked, ADA)

    assert not OutgoingTransfer.objects.exists()


def test_is_approved_once_and_not_withdrawn_after(asked: Deposit) -> None:
    approve(asked)

    with pytest.raises(Conflict):
        approve(asked)
    with pytest.raises(IllegalTransition):
        settlement.withdraw_refund(
            deposit_id=asked.public_id, reason="After all", actor=ADA, now=clock.now()
        )


def test_must_be_asked_for(stranger: LocalWallet) -> None:
    stranger.pay(TREASURY, TAO)
    blocks(3)

    with pytest.raises(Conflict, match="asked for"):
        approve(Deposit.objects.get())


def test_what_is_not_worth_the_fee_stays(stranger: LocalWallet) -> None:
    stranger.pay(make_invoice().address, FEE)
    blocks(3)
    ask(Deposit.objects.get())

    with pytest.raises(Invalid, match="costs"):
        approve(Deposit.objects.get())


def test_a_failed_refund_waits_for_another_decision(asked: Deposit) -> None:
    transfer = approve(asked)

    endings.give_up(transfer, reason=Reason.NONCE_TAKEN, now=clock.now())

    asked.refresh_from_db()
    assert asked.status == "unmatched"
    assert fresh_balance(suspense_account()) == 1
    ask(asked)
    approve(asked)
    pay()
    blocks(3)
    asked.refresh_from_db()
    assert asked.status == "refunded"
