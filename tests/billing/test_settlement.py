"""What an administrator decides about a transfer that nobody could place."""

from decimal import Decimal

import pytest

from billing import ledger, rates
from billing.accounts import suspense_account
from billing.models import Deposit, Entry, PaymentEvent
from billing.selectors import balance_usd
from billing.services import settlement
from core import clock
from core.actors import Actor, ActorKind
from core.errors import IllegalTransition, Invalid
from tests.factories.billing import (
    TAO,
    TREASURY,
    LocalWallet,
    blocks,
    fresh_balance,
    make_workspace,
)

pytestmark = pytest.mark.django_db
ADMIN = Actor(kind=ActorKind.ADMIN, id="1", name="Ada")


@pytest.fixture
def held() -> Deposit:
    LocalWallet().pay(TREASURY, TAO)
    blocks(3)
    return Deposit.objects.get()


def credit(held: Deposit, reason: str = "She sent the receipt.") -> Deposit:
    workspace = make_workspace()
    return settlement.credit(
        deposit_id=held.public_id,
        workspace=workspace,
        rate=rates.current(now=clock.now()),
        reason=reason,
        actor=ADMIN,
        now=clock.now(),
    )


def test_credits_at_the_present_rate(held: Deposit) -> None:
    settled = credit(held)

    assert settled.status == "settled"
    assert balance_usd(settled.credited_workspace) == 350
    assert fresh_balance(suspense_account()) == 0
    assert ledger.trial_balance() == {"TAO": Decimal(0), "USD": Decimal(0)}
    event = PaymentEvent.objects.latest("pk")
    assert (event.actor_name, event.reason) == ("Ada", "She sent the receipt.")


def test_credits_once(held: Deposit) -> None:
    credit(held)

    with pytest.raises(IllegalTransition):
        credit(held)


def test_a_long_reason_is_kept_whole_where_it_fits(held: Deposit) -> None:
    reason = "She sent the receipt. " * 22

    credit(held, reason=reason)

    assert PaymentEvent.objects.latest("pk").reason == reason
    memos = Entry.objects.filter(idempotency_key__contains="settled").values_list("memo", flat=True)
    assert set(memos) == {reason[:300]}


def test_wants_a_reason(held: Deposit) -> None:
    with pytest.raises(Invalid):
        credit(held, reason=" ")


def test_a_refund_is_asked_for_and_withdrawn(held: Deposit) -> None:
    words = {"reason": "Wrong chain.", "actor": ADMIN, "now": clock.now()}

    settlement.request_refund(deposit_id=held.public_id, **words)
    with pytest.raises(IllegalTransition):
        credit(held)
    settlement.withdraw_refund(deposit_id=held.public_id, **words)

    assert credit(held).status == "settled"
