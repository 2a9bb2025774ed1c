"""From earnings to TAO on a coldkey: who is paid, who decides, and that it happens once."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from bittensor_core import Keypair
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from billing import ledger, payables
from billing.accounts import network_fees_account, provider_account, trading_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.models import (
    BatchStatus,
    Entry,
    LocalTransfer,
    OutgoingTransfer,
    PaymentEvent,
    Payout,
    PayoutBatch,
)
from billing.services import paying, payout_batches, payout_holds, payout_plan
from core import clock
from core.errors import Conflict, Forbidden, IllegalTransition, Invalid
from marketplace.models import Alert, Provider, WebhookDelivery
from tests.factories.billing import (
    TAO,
    TREASURY,
    Killed,
    blocks,
    dying_at,
    fresh_balance,
    in_parallel,
    look,
    make_workspace,
)
from tests.factories.marketplace import make_provider
from tests.factories.payouts import (
    ADA,
    GRACE,
    agrees_with_chain,
    approve,
    earn,
    fund_treasury,
    new_administrator,
    pay,
    payable_provider,
    propose,
    proven,
    rate,
    reinstated_administrator,
)

pytestmark = pytest.mark.django_db
chain = LocalChainGateway()
FEE = node.FEE_RAO
BOB = Keypair.create_from_uri("//Bob").ss58_address


@pytest.fixture(autouse=True)
def payout_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_PAYOUT_SEED", "//Treasury")


@pytest.fixture
def bob() -> Provider:
    return payable_provider()


def verdicts() -> dict[str, str]:
    plan = payout_plan.draw_up(rate=rate(), now=clock.now())
    return {line.name: line.verdict.value for line in plan.lines}


def owed_to(provider: Provider) -> Decimal:
    return fresh_balance(provider_account(provider.public_id))


def hold(provider: Provider, reason: str = "A dispute") -> None:
    payout_holds.place(
        provider_id=provider.public_id,
        provider_name=provider.name,
        reason=reason,
        actor=ADA,
        now=clock.now(),
    )


class TestDryRun:
    def test_pays_what_is_not_on_hold(self, bob: Provider) -> None:
        earn(bob, Decimal(7), ago=timedelta(days=1))

        line = payout_plan.draw_up(rate=rate(), now=clock.now()).lines[0]

        assert (line.verdict.value, line.usd, line.rao) == ("pays", 35, TAO // 10)
        assert line.payable.on_hold_usd == 7
        assert not PayoutBatch.objects.exists()

    def test_rao_are_rounded_down(self, bob: Provider) -> None:
        plan = payout_plan.draw_up(rate=rate(Decimal(3)), now=clock.now())

        assert plan.rao == 11_666_666_666

    def test_says_why_others_are_not_paid(self, bob: Provider) -> None:
        held = payable_provider(uri="//Dave")
        hold(held)
        poor = payable_provider(9, uri="//Eve")
        unproven = payable_provider()
        unproven.coldkey, unproven.coldkey_proven_at = "", None
        new = payable_provider()
        proven(new, "//Ferdie", at=clock.now() - timedelta(hours=1))
        ours = payable_provider(uri="//Treasury")
        for number, one in enumerate((bob, held, poor, unproven, new, ours)):
            one.name = f"{number}"
            one.save()

        assert list(verdicts().values()) == [
            "pays",
            "held",
            "below minimum",
            "no coldkey",
            "new coldkey",
            "own address",
        ]

    def test_who_takes_machines_back_refunds_first(
        self, bob: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rentals.services.refunds_owed.owing", lambda *, now: {bob.public_id})

        assert verdicts() == {"Bob": "refunds pending"}

    def test_a_correction_of_what_is_on_hold_lowers_nothing_else(self, bob: Provider) -> None:
        earn(bob, Decimal(7), ago=timedelta(days=1))
        wrong = Entry.objects.latest("pk")
        ledger.reverse(key="reversal:test", of=wrong, occurred_at=clock.now(), memo="wrong")

        row = payables.payable_of(bob.public_id, now=clock.now())

        assert row is not None
        assert (row.balance_usd, row.payable_usd) == (35, 28)  # cautious, until the week is over

    def test_the_limit_goes_to_who_waits_longest(self, bob: Provider, settings: Settings) -> None:
        settings.MARKET_PAYOUT_BATCH_USD = Decimal(50)
        settings.MARKET_PAYOUT_MIN_USD = Decimal(20)
        fund_treasury()
        approve(propose())
        pay()
        blocks(3)
        earn(bob, Decimal(35))
        payable_provider(40, uri="//Dave")

        plan = payout_plan.draw_up(rate=rate(), now=clock.now())

        assert [(line.usd, line.verdict.value) for line in plan.lines] == [
            (40, "pays"),
            (0, "over limit"),
        ]


class TestDecisions:
    def test_a_proposal_posts_nothing(self, bob: Provider) -> None:
        batch = propose()

        assert (batch.status, batch.usd, owed_to(bob)) == ("proposed", 35, 35)
        assert verdicts() == {"Bob": "in payment"}

    def test_what_renters_paid_is_asked_once_for_a_batch(
        self, bob: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dave = payable_provider(40, uri="//Dave")
        batch = propose()
        asked = []
        monkeypatch.setattr(
            "billing.hooks.unpaid_use", lambda owners, before: asked.append(set(owners)) or {}
        )

        approve(batch)

        assert asked == [{bob.public_id, dave.public_id}]

    def test_one_proposal_at_a_time(self, bob: Provider) -> None:
        propose()

        with pytest.raises(Conflict):
            propose(GRACE)

    def test_nobody_approves_their_own(self, bob: Provider) -> None:
        batch = propose()

        with pytest.raises(Forbidden):
            approve(batch, ADA)

        assert (owed_to(bob), OutgoingTransfer.objects.count()) == (35, 0)

    @pytest.mark.parametrize("since", ["given powers", "reinstated"])
    def test_nobody_proposes_or_approves_with_powers_younger_than_a_day(
        self, bob: Provider, since: str
    ) -> None:
        if since == "reinstated":
            newcomer = reinstated_administrator()
        else:
            newcomer = new_administrator(ago=timedelta(hours=23))

        with pytest.raises(Forbidden, match="neither proposes nor approves"):
            propose(newcomer)
        with pytest.raises(Forbidden, match="neither proposes nor approves"):
            approve(propose(), newcomer)

        assert (owed_to(bob), OutgoingTransfer.objects.count()) == (35, 0)

    @pytest.mark.parametrize("proposes", [True, False])
    def test_a_day_later_they_do(self, bob: Provider, proposes: bool) -> None:
        newcomer = new_administrator(ago=timedelta(hours=25))

        if proposes:
            approve(propose(newcomer))
        else:
            approve(propose(), newcomer)

        assert owed_to(bob) == 0

    def test_the_database_refuses_it_too(self, bob: Provider) -> None:
        propose()

        with pytest.raises(IntegrityError), transaction.atomic():
            PayoutBatch.objects.update(status=BatchStatus.APPROVED, decider_id=ADA.id)

    def test_approval_takes_it_from_the_balance_and_plans_the_transfer(self, bob: Provider) -> None:
        approve(propose())

        transfer = Payout.objects.get().transfer
        assert transfer is not None
        assert (transfer.destination, transfer.amount_rao) == (BOB, TAO // 10)
        assert owed_to(bob) == 0
        assert fresh_balance(trading_account("USD")) == 35
        event = PaymentEvent.objects.filter(batch__isnull=False).latest("pk")
        assert (event.to_status, event.actor_name, event.reason) == (
            "approved",
            "Grace",
            "Looks right",
        )

    def test_is_decided_once(self, bob: Provider) -> None:
        batch = approve(propose())

        with pytest.raises(IllegalTransition):
            approve(batch)
        with pytest.raises(IllegalTransition):
            refuse(batch)

    def test_refused_by_anybody_it_leaves_the_balance_alone(self, bob: Provider) -> None:
        refuse(propose())

        assert (Payout.objects.get().status, owed_to(bob)) == ("dropped", 35)
        assert verdicts() == {"Bob": "pays"}

    def test_an_old_rate_pays_nobody(self, bob: Provider) -> None:
        batch = propose()
        PayoutBatch.objects.update(expires_at=clock.now())

        with pytest.raises(Conflict, match="too old"):
            approve(batch)
        paying.look_after(now=clock.now())

        assert PayoutBatch.objects.get().status == "expired"
        assert verdicts() == {"Bob": "pays"}

    @pytest.mark.parametrize("change", ["hold", "coldkey", "balance"])
    def test_who_cannot_be_paid_any_more_is_left_out(self, bob: Provider, change: str) -> None:
        payable_provider(40, uri="//Dave")
        batch = propose()
        if change == "hold":
            hold(bob)
        elif change == "coldkey":
            proven(bob, "//Eve")
        else:
            earn(bob, Decimal(-1), ago=timedelta(0))

        approve(batch)

        assert {one.provider_id == bob.public_id: one.status for one in Payout.objects.all()} == {
            True: "dropped",
            False: "approved",
        }

    def test_a_batch_of_nobody_is_not_approved(self, bob: Provider) -> None:
        batch = propose()
        hold(bob)

        with pytest.raises(Conflict, match="Nobody"):
            approve(batch)

        assert PayoutBatch.objects.get().status == "proposed"

    def test_the_limit_of_a_day(self, bob: Provider, settings: Settings) -> None:
        settings.MARKET_PAYOUT_DAY_USD = Decimal(50)
        approve(propose())
        payable_provider(40, uri="//Dave")

        line = payout_plan.draw_up(rate=rate(), now=clock.now()).lines[-1]
        assert (line.usd, line.why) == (15, "As much as the limit allows.")

        batch = propose()
        settings.MARKET_PAYOUT_DAY_USD = Decimal(49)
        with pytest.raises(Conflict, match="limits"):
            approve(batch)

    def test_wants_a_reason_and_an_administrator(self, bob: Provider) -> None:
        with pytest.raises(Invalid):
            payout_batches.propose(rate=rate(), reason=" ", actor=ADA, now=clock.now())


def refuse(batch: PayoutBatch) -> None:
    payout_batches.refuse(batch_id=batch.public_id, reason="Not now", actor=GRACE, now=clock.now())


class TestOnChain:
    def test_paid_to_the_rao_and_told(self, bob: Provider) -> None:
        fund_treasury()
        approve(propose())

        assert pay() == 1
        blocks(3)

        payout = Payout.objects.get()
        assert (payout.status, payout.batch.status) == ("paid", "completed")
        assert chain.balance(BOB) == TAO // 10
        assert chain.balance(TREASURY) == 10 * TAO - TAO // 10 - FEE
        assert agrees_with_chain()
        assert fresh_balance(trading_account("TAO")) == Decimal("-0.1")
        assert fresh_balance(network_fees_account()) == -Decimal(FEE) / TAO
        assert set(ledger.trial_balance().values()) == {Decimal(0)}

    def test_what_failed_is_back_on_the_balance(self, bob: Provider) -> None:
        fund_treasury()
        approve(propose())
        take_nonce(0)
        OutgoingTransfer.objects.update(nonce=0)
        sign_only()
        blocks(3)

        payout = Payout.objects.get()
        assert (payout.status, payout.batch.status) == ("failed", "completed")
        assert "took its nonce" in payout.reason
        assert owed_to(bob) == 35
        assert verdicts() == {"Bob": "pays"}

    def test_waits_for_the_treasury(self, bob: Provider) -> None:
        approve(propose())

        assert pay() == 0
        assert "holds 0 rao" in OutgoingTransfer.objects.get().error
        fund_treasury()
        pay()
        blocks(3)

        assert Payout.objects.get().status == "paid"

    def test_a_reorganisation_before_finality_pays_once(self, bob: Provider) -> None:
        fund_treasury()
        approve(propose())
        pay()
        blocks(1)

        node.reorganise(depth=1, drop=True)
        assert chain.balance(BOB) == 0
        for _ in range(3):
            pay()
            blocks(1)
        blocks(2)

        assert (Payout.objects.get().status, chain.balance(BOB)) == ("paid", TAO // 10)
        assert agrees_with_chain()

    def test_without_the_key_nothing_moves(
        self, bob: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        approve(propose())
        monkeypatch.delenv("MARKET_PAYOUT_SEED")

        with pytest.raises(paying.signing.SignerMissing):
            pay()

        assert OutgoingTransfer.objects.get().status == "planned"


def take_nonce(nonce: int) -> None:
    key = Keypair.create_from_uri("//Treasury")
    other = Keypair.create_from_uri("//Charlie").ss58_address
    chain.submit(chain.sign_transfer(signer=key, to=other, rao=TAO, nonce=nonce))


def sign_only() -> None:
    """Let the worker sign and find that the nonce is gone."""
    pay()
    assert OutgoingTransfer.objects.get().status == "signed"


@pytest.mark.django_db(transaction=True)
def test_killed_at_every_statement_in_turn() -> None:
    bob = payable_provider()
    fund_treasury()
    batch = propose()

    deaths = die_all_the_way(lambda: approve_pay_and_watch(batch))
    blocks(3)

    assert deaths > 60
    assert (Payout.objects.get().status, owed_to(bob)) == ("paid", 0)
    assert LocalTransfer.objects.filter(destination=BOB).count() == 1
    assert PayoutBatch.objects.get().status == "completed"
    assert agrees_with_chain()


def approve_pay_and_watch(batch: PayoutBatch) -> None:
    batch.refresh_from_db()
    if batch.status == BatchStatus.PROPOSED:
        approve(batch)
    pay()
    node.produce(3)
    look()


def die_all_the_way(work: Callable[[], None]) -> int:
    deaths = 0
    while True:
        try:
            with connection.execute_wrapper(dying_at(deaths + 1)):
                work()
        except Killed:
            deaths += 1
        else:
            return deaths


@pytest.mark.django_db(transaction=True)
def test_two_workers_and_two_approvals_at_once_pay_once() -> None:
    payable_provider()
    payable_provider(70, uri="//Dave")
    fund_treasury()
    batch = propose()

    def decide(_: int) -> str:
        try:
            return approve(batch).status
        except (IllegalTransition, Conflict):
            return "late"

    assert sorted(in_parallel(2, decide)) == ["approved", "late"]
    in_parallel(3, lambda _: pay())
    for _ in range(3):
        pay()
        blocks(1)
    blocks(3)

    assert set(Payout.objects.values_list("status", flat=True)) == {"paid"}
    assert chain.balance(BOB) == TAO // 10
    assert agrees_with_chain()


class TestAlerts:
    def test_a_proposal_waits_and_a_stuck_transfer_says_why(
        self, bob: Provider, settings: Settings
    ) -> None:
        opened: list[str] = alerts_after(clock.now())
        assert "payout_waits_for_approval" not in opened

        batch = propose()
        assert "payout_waits_for_approval" in alerts_after(clock.now())

        approve(batch)
        pay()
        late = alerts_after(clock.now() + timedelta(hours=1))
        assert "transfers_stuck" in late
        assert "payout_waits_for_approval" not in late

    def test_a_run_that_nobody_proposed(self, bob: Provider) -> None:
        due = payables.last_run(now=clock.now())

        assert "payout_run_due" in alerts_after(due + timedelta(hours=1))


def alerts_after(now) -> list[str]:
    paying.look_after(now=now)
    return list(Alert.objects.filter(closed_at=None).values_list("kind", flat=True))


def test_the_provider_hears_of_it() -> None:
    provider = make_provider(workspace=make_workspace())
    proven(provider, "//Bob")
    earn(provider, Decimal(35))
    fund_treasury()
    approve(propose())
    pay()
    blocks(3)

    delivery = WebhookDelivery.objects.get()
    assert delivery.kind == "payout.paid"
    assert delivery.payload["text"].startswith(f"0.100000000 TAO (35.00 USD) were paid to {BOB}")
    transfer = OutgoingTransfer.objects.get()
    assert delivery.payload["payout"]["extrinsic"] == transfer.extrinsic_hash
