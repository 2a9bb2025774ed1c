"""Deposits that wait for a decision: on their invoice's page, in the operators' queue, and back out of it."""

import csv
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEvent, Scope, User
from billing import ledger
from billing.accounts import alpha_account, suspense_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import AlphaPrice, NoPrice
from billing.models import Deposit, Invoice, LocalStake, OutgoingTransfer, PaymentEvent
from billing.rates import Rate, RateUnavailable
from billing.selectors import balance_usd
from billing.services import paying, reconciling, settlement, standing, sweeping
from billing.watcher import watch
from core import clock
from marketplace.models import Alert
from tests.factories.accounts import make_key
from tests.factories.billing import (
    TAO,
    TREASURY,
    LocalWallet,
    blocks,
    fresh_balance,
    link_coldkey,
    look,
    make_deposit,
    make_invoice,
    make_workspace,
)
from tests.factories.payouts import ADA, fund_treasury, pay

pytestmark = pytest.mark.django_db
SUBNET, OTHER_SUBNET = 51, 7
PAGE = "/admin/billing/deposit/"


@pytest.fixture(autouse=True)
def accepted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MARKET_ALPHA_SUBNETS = (SUBNET,)
    monkeypatch.setenv("MARKET_PAYOUT_SEED", "//Treasury")


def held_for() -> tuple[str, str]:
    return Deposit.objects.values_list("status", "held_for").get()


def credit(deposit: Deposit) -> None:
    settlement.credit(
        deposit_id=deposit.public_id,
        workspace=deposit.workspace,
        rate=Rate(Decimal(350), "test", clock.now(), simulated=True),
        reason="Theirs.",
        actor=ADA,
        now=clock.now(),
    )


def reconciled() -> str:
    return reconciling.reconcile(
        gateway=LocalChainGateway(), now=clock.now(), pause=lambda _: None
    ).status


def sweep() -> None:
    sweeping.sweep(gateway=LocalChainGateway(), now=clock.now())


class TestAlphaWithoutAPrice:
    @pytest.fixture
    def sent(self) -> None:
        wallet = LocalWallet()
        wallet.stake(SUBNET, 100 * TAO)
        link_coldkey(make_workspace(), "//Alice")
        wallet.pay_alpha(TREASURY, SUBNET, 10 * TAO)
        node.produce(3)

    def read(self, price: Callable[[int], AlphaPrice]) -> None:
        gateway = LocalChainGateway()
        gateway.alpha_price = price  # type: ignore[method-assign]
        watch(gateway=gateway, now=clock.now())

    @pytest.mark.usefixtures("sent")
    def test_is_held_and_keeps_nothing_behind_it(self) -> None:
        def none(netuid: int) -> AlphaPrice:
            raise NoPrice("Its pool is empty.")

        self.read(none)

        assert held_for() == ("unmatched", "no_price")
        LocalWallet("//Bob").pay(make_invoice().address, TAO // 10)
        blocks(3)
        assert Deposit.objects.filter(status="credited").count() == 1

    @pytest.mark.usefixtures("sent")
    def test_a_price_of_nothing_is_not_a_price_of_one_tao(self) -> None:
        self.read(lambda netuid: AlphaPrice(netuid, Decimal(0), block=1, at=clock.now()))

        deposit = Deposit.objects.get()
        assert (deposit.status, deposit.credited_usd) == ("unmatched", None)

    @pytest.mark.usefixtures("sent")
    def test_a_rate_alone_does_not_credit_it(self) -> None:
        self.read(lambda netuid: AlphaPrice(netuid, Decimal(0), block=1, at=clock.now()))
        Deposit.objects.update(held_for="no_rate")
        rate = Rate(Decimal(350), "test", clock.now(), simulated=True)
        LocalWallet("//Bob").pay(TREASURY, TAO)
        blocks(3)
        Deposit.objects.filter(netuid=None).update(
            held_for="no_rate", workspace=Deposit.objects.get(netuid=SUBNET).workspace
        )

        # The one that is worth nothing is first, and keeps the next one from nothing.
        assert settlement.credit_what_waited_for_a_rate(rate=rate, now=clock.now()) == 1


class TestOnAnInvoice:
    @pytest.fixture
    def invoice(self) -> Invoice:
        invoice = make_invoice()
        LocalWallet().pay(invoice.address, node.FEE_RAO)
        blocks(1)
        blocks(2)
        assert held_for() == ("unmatched", "dust")
        return invoice

    def test_no_block_was_replaced(self, invoice: Invoice) -> None:
        reasons = PaymentEvent.objects.filter(invoice=invoice).values_list("reason_code", flat=True)

        assert list(reasons.order_by("pk")) == ["transfer_seen", "transfer_held"]

    def test_what_is_credited_in_time_counts(self, invoice: Invoice) -> None:
        credit(Deposit.objects.get())

        invoice.refresh_from_db()
        assert (invoice.status, invoice.paid_rao) == ("underpaid", node.FEE_RAO)

    def test_what_is_credited_after_its_end_is_late(self, invoice: Invoice) -> None:
        look_after = Invoice.objects.filter(pk=invoice.pk)
        look_after.update(expires_at=invoice.created_at)
        blocks(3)
        assert look_after.get().status == "expired"

        credit(Deposit.objects.get())

        invoice.refresh_from_db()
        assert (invoice.status, invoice.paid_rao) == ("late", node.FEE_RAO)

    def test_what_goes_to_somebody_else_does_not(self, invoice: Invoice) -> None:
        deposit = Deposit.objects.get()
        deposit.workspace = make_workspace("bob")

        credit(deposit)

        invoice.refresh_from_db()
        assert (invoice.status, invoice.paid_rao) == ("open", 0)

    def test_a_late_one_without_a_rate_makes_it_late_once_there_is_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def silent(*, now: Any) -> Rate:
            raise RateUnavailable("Nobody tells.")

        invoice = make_invoice(life=timedelta(seconds=0))
        LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
        monkeypatch.setattr("billing.rates.current", silent)
        blocks(3)
        assert held_for() == ("unmatched", "no_rate")

        rate = Rate(Decimal(200), "test", clock.now(), simulated=True)
        settlement.credit_what_waited_for_a_rate(rate=rate, now=clock.now())

        invoice.refresh_from_db()
        assert (invoice.status, invoice.paid_rao) == ("late", invoice.tao_amount_rao)


class TestAlphaOnAnInvoice:
    @pytest.fixture
    def invoice(self) -> Invoice:
        """Give an invoice that the owner sent one alpha, worth 17.50 USD, and that an administrator credited."""
        alice, invoice = LocalWallet(), make_invoice()
        alice.stake(SUBNET, 5 * TAO)
        alice.pay_alpha(invoice.address, SUBNET, TAO)
        blocks(3)
        assert held_for() == ("unmatched", "alpha_astray")
        settlement.credit(
            deposit_id=Deposit.objects.get().public_id,
            workspace=invoice.workspace,
            rate=Rate(Decimal(350), "test", clock.now(), simulated=True),
            tao_per_alpha=Decimal("0.05"),
            reason="Theirs.",
            actor=ADA,
            now=clock.now(),
        )
        invoice.refresh_from_db()
        return invoice

    def test_is_credited_and_pays_none_of_its_tao(self, invoice: Invoice) -> None:
        assert balance_usd(invoice.workspace) == Decimal("17.5")
        assert (invoice.status, invoice.paid_rao) == ("open", 0)

    def test_is_shown_as_alpha(self, client: Client, invoice: Invoice) -> None:
        client.force_login(invoice.workspace.owner)
        key = make_key(invoice.workspace.owner, scopes=[Scope.BILLING])[1]
        path = f"/billing/invoices/{invoice.public_id}"

        page = client.get(path).content.decode()
        [row] = csv.DictReader(
            StringIO(client.get(f"{path}/file?format=csv").content.decode("utf-8-sig"))
        )
        answer = client.get(f"/api{path}", headers={"x-api-key": key}).json()

        assert "1 alpha of subnet 51" in page
        assert (row["amount"], row["asset"]) == ("1.000000000", "alpha of subnet 51")
        [told] = answer["deposits"]
        assert (told["amount_rao"], told["amount_tao"], told["netuid"]) == (TAO, None, SUBNET)


class TestQueue:
    """Two administrators at their pages."""

    def operator(self, name: str) -> Client:
        client = Client()
        client.force_login(User.objects.create_superuser(f"{name}@example.com", "correct horse"))
        return client

    def do(self, client: Client, action: str, **more: str) -> str:
        fields = {
            "action": action,
            "_selected_action": Deposit.objects.latest("pk").pk,
            "reason": "As asked.",
        }
        return client.post(PAGE, fields | more, follow=True).content.decode()

    def open_alerts(self) -> set[str]:
        paying.look_after(now=clock.now())
        return set(Alert.objects.filter(closed_at=None).values_list("kind", flat=True))

    def test_a_workspace_that_is_not_there_is_not_the_sender_s(self) -> None:
        workspace, named = make_workspace(), "00000000-0000-4000-8000-000000000000"
        make_deposit(workspace, status="unmatched", held_for="dust")

        said = self.do(self.operator("ada"), "credit", workspace=named)

        assert f"no workspace {named}" in said
        assert (Deposit.objects.get().status, balance_usd(workspace)) == ("unmatched", 0)

    def test_alpha_of_a_wrong_subnet_goes_back(self) -> None:
        """From the transfer to the ledger at zero, each step at the page that shows it."""
        alice, ada, grace = LocalWallet(), self.operator("ada"), self.operator("grace")
        fund_treasury(node.FEE_RAO)
        alice.stake(OTHER_SUBNET, 5 * TAO)
        workspace = make_workspace()
        link_coldkey(workspace, "//Alice")
        alice.pay_alpha(TREASURY, OTHER_SUBNET, 2 * TAO)
        blocks(3)
        deposit = Deposit.objects.latest("pk")
        assert (deposit.status, deposit.held_for) == ("unmatched", "wrong_subnet")
        assert "deposits_wait" in self.open_alerts()

        assert "no price" not in self.do(ada, "request_refund")
        assert "refunds_wait_for_approval" in self.open_alerts()
        assert "deposits_wait" not in self.open_alerts()
        assert "cannot approve it" in self.do(ada, "approve_refund")
        self.do(grace, "approve_refund")
        assert "refunds_wait_for_approval" not in self.open_alerts()
        assert pay() == 1
        blocks(3)

        deposit.refresh_from_db()
        assert deposit.status == "refunded"
        assert [
            one.alpha_rao for one in LocalChainGateway().stake(alice.address, OTHER_SUBNET)
        ] == [5 * TAO]
        assert not LocalChainGateway().stake(TREASURY, OTHER_SUBNET)
        for account in (
            suspense_account(f"SN{OTHER_SUBNET}"),
            alpha_account(OTHER_SUBNET, "treasury"),
        ):
            assert fresh_balance(account) == 0
        assert balance_usd(workspace) == 0
        assert set(ledger.trial_balance().values()) == {0}
        page = Client()
        page.force_login(workspace.owner)
        shown = page.get(f"/billing/deposits/{deposit.public_id}").content.decode()
        assert deposit.refunds.get().extrinsic_hash in shown

    def test_astray_on_an_address_without_tao_it_gets_the_fee_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alice, ada, grace = LocalWallet(), self.operator("ada"), self.operator("grace")
        alice.stake(SUBNET, 5 * TAO)
        address = standing.address_of(make_workspace(), now=clock.now())
        fund_treasury()
        alice.pay_alpha(address.address, SUBNET, 2 * TAO)
        blocks(3)
        assert reconciled() == "clean"
        self.do(ada, "request_refund")
        self.do(grace, "approve_refund")

        for _ in range(3):
            sweep()
            pay()
            blocks(1)
            sweep()
            assert OutgoingTransfer.objects.filter(kind="fuel").count() == 1
            blocks(3)

        deposit = Deposit.objects.get(netuid=SUBNET)
        assert deposit.status == "refunded"
        assert not LocalChainGateway().stake(address.address, SUBNET)
        # Neither what the treasury sent nor the rest of it is a payment of anybody's.
        assert Deposit.objects.filter(standing_address=address).count() == 1
        address.refresh_from_db()
        assert LocalChainGateway().balance(address.address) == address.unswept_rao == node.FEE_RAO
        assert fresh_balance(alpha_account(SUBNET, "deposits")) == 0
        assert set(ledger.trial_balance().values()) == {0}
        assert reconciled() == "clean"

    def test_alpha_that_is_missing_on_a_deposit_address_is_a_difference(self) -> None:
        alice = LocalWallet()
        alice.stake(SUBNET, 5 * TAO)
        address = standing.address_of(make_workspace(), now=clock.now())
        alice.pay_alpha(address.address, SUBNET, 2 * TAO)
        blocks(3)
        LocalStake.objects.filter(coldkey=address.address).update(alpha_rao=TAO)

        assert reconciled() == "different"

    def test_what_an_administrator_credits_is_on_the_audit_trail(self) -> None:
        LocalWallet().pay(TREASURY, TAO)
        blocks(3)
        workspace = make_workspace()

        self.do(self.operator("ada"), "credit", workspace=str(workspace.public_id))

        event = AuditEvent.objects.get(action="admin.credit")
        assert (event.workspace_id, event.reason) == (workspace.pk, "As asked.")
        assert event.resource_id == str(Deposit.objects.get().public_id)

    def test_dust_alarms_nobody(self) -> None:
        for address in (make_invoice().address, TREASURY):
            LocalWallet().pay(address, 600)
        blocks(3)

        assert set(Deposit.objects.values_list("held_for", flat=True)) == {"dust", "unknown_sender"}
        assert "deposits_wait" not in self.open_alerts()


def test_who_cannot_sweep_says_so_once_there_is_something(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = "//Seed"

    def told() -> bool:
        with suppress(sweeping.SeedMissing):
            sweep()
        return Alert.objects.filter(kind="deposits_not_swept", closed_at=None).exists()

    monkeypatch.delenv("MARKET_DEPOSIT_SEED")
    assert not told()
    LocalWallet().pay(make_invoice().address, TAO)
    blocks(3)
    look()
    assert told()
    monkeypatch.setenv("MARKET_DEPOSIT_SEED", seed)
    assert not told()
