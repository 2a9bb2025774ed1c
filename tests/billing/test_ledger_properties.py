"""Any sequence of deposits, rentals, refunds, sweeps, payouts, crashes and repeats, on real rows: no cent appears or vanishes.

A short run belongs to the suite. A long one: MARKET_LEDGER_EXAMPLES=500 MARKET_LEDGER_STEPS=60 ./market test
tests/billing/test_ledger_properties.py
"""

import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as market
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as runs
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from accounts.models import Workspace
from billing import ledger
from billing.accounts import renter_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.models import BatchStatus, Deposit, DepositStatus, LocalChain, PayoutBatch
from billing.rates import current
from billing.selectors import balance_usd
from billing.services import (
    grants,
    paying,
    payout_batches,
    proving,
    reconciling,
    settlement,
    sweeping,
)
from core.actors import PLATFORM
from core.errors import DomainError
from core.money import charge_for, rao_to_usd
from rentals.models import Pod, PodMeter, PodStatus, Receipt
from rentals.reasons import Reason
from rentals.services import floors, ladder, lifecycle, meter, metering, receipts
from tests.factories.billing import (
    TAO,
    TREASURY,
    USD_PER_TAO,
    Killed,
    LocalWallet,
    dying_at,
    look,
    make_invoice,
    make_workspace,
)
from tests.factories.marketplace import make_node
from tests.factories.payouts import ADA, GRACE, proven
from tests.factories.pods import make_pod, make_ready, make_template, refunded_usd
from tests.factories.rates import price_is

EXAMPLES = int(os.environ.get("MARKET_LEDGER_EXAMPLES", "4"))
STEPS = int(os.environ.get("MARKET_LEDGER_STEPS", "12"))
MINUTE = timedelta(minutes=1)
GATEWAY = LocalChainGateway()
# An empty balance is noticed within a walk, and a charge lags by a tick: one step of this machine each.
NOTICED_WITHIN = 2 * MINUTE
PRICES = st.decimals(min_value="0.5", max_value="40", places=9)
PAYMENTS = st.integers(min_value=node.FEE_RAO + 1, max_value=10**8)
AT = st.integers(min_value=1, max_value=50)


class LedgerMachine(RuleBasedStateMachine):
    """Two workspaces, a provider's machine and a chain; one clock, that of the chain."""

    def __init__(self) -> None:
        super().__init__()
        # An atomic block would forbid the durable ones inside.
        self.start = transaction.savepoint()
        self.wallet = LocalWallet(tao=900)
        node.produce(3)
        look()
        self.workspaces = [make_workspace(name) for name in ("alice", "charlie")]
        self.invoices = [make_invoice(workspace) for workspace in self.workspaces]
        self.node, self.template = make_node(), make_template()
        proven(self.node.provider, "//Bob", at=self.now - timedelta(days=30))
        node.mint(address=TREASURY, rao=TAO // 10)
        self.sent: dict[int, Decimal] = {}
        self.burnt = dict.fromkeys([one.pk for one in self.workspaces], Decimal(0))
        self.grants = 0

    def teardown(self) -> None:
        """End everything, and compare every figure with what it is made of."""
        try:
            # A step that failed is told as it is.
            if sys.exc_info()[0] is None:
                self._end_everything()
                self._compare()
        finally:
            transaction.savepoint_rollback(self.start)

    @property
    def now(self) -> datetime:
        state = LocalChain.objects.get()
        return node.time_of(state, state.head)

    @rule(which=st.integers(0, 1), rao=PAYMENTS)
    def pay(self, which: int, rao: int) -> None:
        self.wallet.pay(self.invoices[which].address, rao)
        workspace = self.workspaces[which].pk
        self.sent[workspace] = self.sent.get(workspace, Decimal(0)) + rao_to_usd(
            rao, usd_per_tao=USD_PER_TAO
        )

    @rule(rao=PAYMENTS)
    def pay_without_an_invoice(self, rao: int) -> None:
        self.wallet.pay(TREASURY, rao)

    @rule(blocks=st.integers(1, 4))
    def go_on(self, blocks: int) -> None:
        node.produce(blocks)
        look()

    @rule(deepest=st.integers(1, 2), drop=st.booleans())
    def reorganise(self, deepest: int, drop: bool) -> None:
        state = node.chain()
        if depth := min(deepest, state.head - node.finalized(state)):
            node.reorganise(depth=depth, drop=drop)

    @rule(at=AT)
    def watcher_dies(self, at: int) -> None:
        node.produce()
        self._dying(at, look)

    @rule()
    def sweep(self) -> None:
        sweeping.sweep(gateway=GATEWAY, now=self.now)

    @rule(at=AT)
    def sweeper_dies(self, at: int) -> None:
        self._dying(at, lambda: sweeping.sweep(gateway=GATEWAY, now=self.now))

    @rule(what=st.sampled_from(["credit", "refund", "withdraw"]), which=st.integers(0, 1))
    def decide(self, what: str, which: int) -> None:
        held = Deposit.objects.filter(status__in=proving.HELD).order_by("pk").first()
        if held is None:
            return
        price_is(at=self.now)
        decision = {"deposit_id": held.public_id, "reason": "x", "actor": ADA, "now": self.now}
        try:
            if what == "credit":
                rate = current(now=self.now)
                settlement.credit(**decision, workspace=self.workspaces[which], rate=rate)
            elif what == "refund":
                settlement.request_refund(**decision)
            else:
                settlement.withdraw_refund(**decision)
        except DomainError:
            return

    @rule(at=AT)
    def payout_run(self, at: int) -> None:
        """Propose and approve a batch, and die on the way or not."""
        self._dying(at, self._approve_payouts)

    @rule(at=AT)
    def payer_dies_and_comes_back(self, at: int) -> None:
        self._dying(at, lambda: paying.pay(gateway=GATEWAY, now=self.now))
        paying.pay(gateway=GATEWAY, now=self.now)

    @rule(which=st.integers(0, 1), usd=st.integers(1, 30), again=st.booleans())
    def grant(self, which: int, usd: int, again: bool) -> None:
        self.grants += not again
        try:
            grants.grant(
                workspace=self.workspaces[which],
                usd=Decimal(usd),
                key=f"{which}:{self.grants}",
                reason="x",
                actor=PLATFORM,
                now=self.now,
            )
        except ledger.KeyReused:
            assert again

    @rule(which=st.integers(0, 1), price=PRICES)
    def rent(self, which: int, price: Decimal) -> None:
        workspace, now = self.workspaces[which], self.now
        with transaction.atomic():
            account = ledger.lock_account(renter_account(workspace).pk)
            try:
                floors.require(workspace, balance_usd=account.balance, hourly_price_usd=price)
            except floors.InsufficientBalance:
                return
            fields: dict[str, Any] = {"hourly_price_usd": price, "created_at": now}
            pod = make_pod(workspace=workspace, node=self.node, template=self.template, **fields)
        make_ready(pod, at=now)
        self.burnt[workspace.pk] += price

    @rule(minutes=st.integers(1, 6), silent=st.booleans(), twice=st.booleans())
    def time_passes(self, minutes: int, silent: bool, twice: bool) -> None:
        # Every draw is made whatever the state: hypothesis replays them.
        for _ in range(minutes if running().exists() else 0):
            node.produce(60)
            look()
            if not silent:
                meter.prove_all([pod.pk for pod in running()], at=self.now, evidence="x")
            for _ in range(1 + twice):
                metering.tick(now=self.now)
                ladder.walk(now=self.now)

    @rule(at=AT)
    def tick_dies(self, at: int) -> None:
        self._dying(at, lambda: metering.tick(now=self.now))

    @rule(at=AT)
    def ladder_dies(self, at: int) -> None:
        self._dying(at, lambda: ladder.walk(now=self.now))

    @rule(reason=st.sampled_from([Reason.REMOVED_BY_RENTER, Reason.RECLAIMED_EARLY]), at=AT)
    def pod_ends(self, reason: Reason, at: int) -> None:
        pod, now = running().order_by("pk").first(), self.now
        if pod is None:
            return

        def end() -> None:
            lifecycle.remove_as(pod_id=pod.public_id, reason=reason, actor=PLATFORM, now=now)
            receipts.settle(pod, now=now)

        self._dying(at, end)
        end()
        receipts.write(pod, now)

    @invariant()
    def every_currency_sums_to_zero(self) -> None:
        assert not any(ledger.trial_balance().values())

    @invariant()
    def no_balance_is_below_the_floor(self) -> None:
        for workspace in self.workspaces:
            assert balance_usd(workspace) >= self._floor(workspace)

    def _floor(self, workspace: Workspace) -> Decimal:
        """Give how far below zero a balance may be (docs/money.md, A balance that runs out)."""
        longest = market.MARKET_UNPAID_GRACE + NOTICED_WITHIN
        drawn = charge_for(
            hourly=self.burnt[workspace.pk], seconds=Decimal(longest.total_seconds())
        )
        return -drawn - self.sent.get(workspace.pk, Decimal(0))

    def _approve_payouts(self) -> None:
        now = self.now
        price_is(at=now)
        rate = current(now=now)
        batch = PayoutBatch.objects.filter(status=BatchStatus.PROPOSED).first()
        try:
            if batch is None:
                batch = payout_batches.propose(rate=rate, reason="x", actor=ADA, now=now)
            fee = node.FEE_RAO
            payout_batches.approve(
                batch_id=batch.public_id, fee_rao=fee, reason="x", actor=GRACE, now=now
            )
        except DomainError:
            # Nothing is owed, or the proposal is too old.
            payout_batches.expire(now=now)

    def _dying(self, at: int, work: Callable[[], object]) -> None:
        try:
            with connection.execute_wrapper(dying_at(at)):
                work()
        except Killed:
            # Of a statement outside any block of the house, Django says that the test's own block is broken.
            transaction.set_rollback(False)

    def _end_everything(self) -> None:
        for pod in Pod.objects.exclude(status=PodStatus.REMOVING):
            reason = Reason.REMOVED_BY_RENTER
            lifecycle.remove_as(pod_id=pod.public_id, reason=reason, actor=PLATFORM, now=self.now)
        for pod in Pod.objects.all():
            receipts.settle(pod, now=self.now)
            receipts.write(pod, self.now)
        for _ in range(6):
            node.produce(3)
            look()
            sweeping.sweep(gateway=GATEWAY, now=self.now)
            paying.pay(gateway=GATEWAY, now=self.now)

    def _compare(self) -> None:
        assert proving.findings() == []
        found = reconciling.reconcile(gateway=GATEWAY, now=self.now, pause=lambda _: None)
        assert found.status == "clean", list(found.lines.values())
        for pod in Pod.objects.select_related("meter"):
            self._compare_receipt(pod, pod.meter)
        assert not Deposit.objects.filter(status=DepositStatus.SEEN).exists()

    def _compare_receipt(self, pod: Pod, found: PodMeter) -> None:
        stretches = pod.ready_intervals.values_list("started_at", "ended_at")
        ready = sum((meter.seconds(end - start) for start, end in stretches), Decimal(0))
        price = charge_for(hourly=pod.hourly_price_usd, seconds=ready)
        receipt = Receipt.objects.get(pod=pod)
        assert (receipt.ready_seconds, found.posted_usd) == (ready, price)
        assert receipt.charged_usd == price - refunded_usd(pod)
        assert receipt.charged_usd == sum(one.amount_usd for one in receipts.charges_of(pod))


def running() -> Any:
    """Select the pods that are counted."""
    return Pod.objects.filter(status=PodStatus.RUNNING)


@pytest.fixture
def paid_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let providers be paid what they have just earned, by the treasury's own key."""
    settings.MARKET_PAYOUT_HOLD = timedelta()
    settings.MARKET_PAYOUT_MIN_USD = Decimal("0.01")
    monkeypatch.setenv("MARKET_PAYOUT_SEED", "//Treasury")


@pytest.mark.django_db
@pytest.mark.timeout(max(180, EXAMPLES * STEPS * 5))
@pytest.mark.usefixtures("paid_at_once")
def test_no_cent_appears_or_vanishes() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=runs(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate],  # a shrink takes minutes; the steps that failed are printed
            suppress_health_check=list(HealthCheck),
        ),
    )
