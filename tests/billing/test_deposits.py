"""Deposits without an invoice: a standing address, linked coldkeys, alpha, and everything that cannot be credited."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.access import principal_of
from accounts.services.challenges import BadSignature
from billing import ledger
from billing.accounts import alpha_account, deposits_account, suspense_account, treasury_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.models import Deposit, LinkedColdkey, StandingAddress
from billing.rates import Rate, RateUnavailable
from billing.selectors import balance_usd
from billing.services import coldkeys, refunding, settlement, standing, sweeping
from billing.services.arriving import arriving_usd
from core import clock
from tests.factories.billing import (
    TAO,
    TREASURY,
    LocalWallet,
    blocks,
    fresh_balance,
    in_parallel,
    link_coldkey,
    look,
    make_workspace,
)
from tests.factories.payouts import ADA, GRACE, pay

pytestmark = pytest.mark.django_db
SUBNET, OTHER_SUBNET = 51, 7


@pytest.fixture(autouse=True)
def accepted(settings: Any) -> None:
    settings.MARKET_ALPHA_SUBNETS = (SUBNET,)
    settings.MARKET_MIN_DEPOSIT_TAO = Decimal("0.001")


@pytest.fixture
def alice() -> LocalWallet:
    return LocalWallet()


def held() -> tuple[str, str]:
    return Deposit.objects.values_list("status", "held_for").get()


class TestStandingAddress:
    def test_stays_and_differs_from_every_other(self) -> None:
        workspace, now = make_workspace(), clock.now()

        first = standing.address_of(workspace, now=now)

        assert standing.address_of(workspace, now=now) == first
        assert standing.address_of(make_workspace(), now=now).address != first.address

    def test_credits_whatever_comes_at_the_rate_of_its_arrival(self, alice: LocalWallet) -> None:
        workspace = make_workspace()
        address = standing.address_of(workspace, now=clock.now()).address
        alice.pay(address, TAO)
        blocks(1)
        assert (Deposit.objects.get().status, balance_usd(workspace)) == ("seen", 0)

        blocks(2)
        alice.pay(address, TAO // 2)
        blocks(3)

        assert balance_usd(workspace) == 525
        assert {one.rate_source for one in Deposit.objects.all()} != {""}
        assert fresh_balance(deposits_account()) == Decimal("-1.5")
        assert StandingAddress.objects.get().unswept_rao == TAO * 3 // 2
        assert set(ledger.trial_balance().values()) == {0}

    def test_a_replaced_block_takes_the_sighting_and_credits_nothing(
        self, alice: LocalWallet
    ) -> None:
        workspace = make_workspace()
        alice.pay(standing.address_of(workspace, now=clock.now()).address, TAO)
        blocks(1)

        node.reorganise(depth=1, drop=True)
        blocks(5)

        assert (held()[0], balance_usd(workspace)) == ("replaced", 0)
        assert ledger.trial_balance() == {}

    def test_less_than_the_smallest_is_dust(self, alice: LocalWallet) -> None:
        workspace = make_workspace()
        alice.pay(standing.address_of(workspace, now=clock.now()).address, 999_999)

        blocks(3)

        assert held() == ("unmatched", "dust")
        assert fresh_balance(suspense_account()) == Decimal("0.000999999")

    def test_without_a_rate_it_waits_and_is_credited_by_itself(
        self, alice: LocalWallet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def silent(*, now: Any) -> Rate:
            raise RateUnavailable("Nobody tells.")

        workspace = make_workspace()
        alice.pay(standing.address_of(workspace, now=clock.now()).address, TAO)
        monkeypatch.setattr("billing.rates.current", silent)
        blocks(3)
        assert (held(), balance_usd(workspace)) == (("unmatched", "no_rate"), 0)

        rate = Rate(Decimal(200), "test", clock.now(), simulated=True)
        settlement.credit_what_waited_for_a_rate(rate=rate, now=clock.now())
        settlement.credit_what_waited_for_a_rate(rate=rate, now=clock.now())

        assert (held()[0], balance_usd(workspace)) == ("settled", 200)
        assert set(ledger.trial_balance().values()) == {0}


@pytest.mark.django_db(transaction=True)
def test_two_first_visits_get_one_address() -> None:
    workspace = make_workspace()

    found = in_parallel(4, lambda _: standing.address_of(workspace, now=clock.now()).address)

    assert len(set(found)) == 1 == StandingAddress.objects.count()


class TestColdkeys:
    def test_what_a_linked_one_sends_to_the_treasury_is_credited(self, alice: LocalWallet) -> None:
        workspace = make_workspace()
        link_coldkey(workspace, "//Alice")
        alice.pay(TREASURY, TAO)
        blocks(1)
        assert Deposit.objects.get().workspace == workspace

        blocks(2)

        assert balance_usd(workspace) == 350
        assert fresh_balance(treasury_account()) == -1
        assert fresh_balance(deposits_account()) == 0

    def test_a_strangers_waits_and_shows_up_once_the_coldkey_is_linked(
        self, alice: LocalWallet
    ) -> None:
        workspace = make_workspace()
        alice.pay(TREASURY, TAO)
        blocks(3)
        assert held() == ("unmatched", "unknown_sender")

        prove(workspace, alice)

        assert Deposit.objects.get().workspace == workspace
        assert balance_usd(workspace) == 0

    def test_is_linked_by_its_own_signature_over_this_workspaces_text(
        self, alice: LocalWallet
    ) -> None:
        ours, theirs = make_workspace(), make_workspace()
        text = coldkeys.challenge(theirs, now=clock.now())

        with pytest.raises(BadSignature):
            prove(ours, alice, text=text)
        prove(ours, alice)
        with pytest.raises(coldkeys.ColdkeyTaken):
            prove(theirs, alice)

        assert LinkedColdkey.objects.get().workspace == ours

    def test_a_signature_counts_once(self, alice: LocalWallet) -> None:
        workspace = make_workspace()
        text = coldkeys.challenge(workspace, now=clock.now())
        prove(workspace, alice, text=text)

        with pytest.raises(BadSignature):
            prove(workspace, alice, text=text)


class TestAlpha:
    @pytest.fixture(autouse=True)
    def staked(self, alice: LocalWallet) -> None:
        for netuid in (SUBNET, OTHER_SUBNET):
            alice.stake(netuid, 100 * TAO)

    def test_is_credited_at_the_price_of_the_chain(self, alice: LocalWallet) -> None:
        workspace = make_workspace()
        link_coldkey(workspace, "//Alice")
        alice.pay_alpha(TREASURY, SUBNET, 10 * TAO)

        blocks(3)

        # 10 alpha at 0.05 TAO at 350 USD.
        assert balance_usd(workspace) == 175
        assert fresh_balance(alpha_account(SUBNET, "treasury")) == -10
        assert fresh_balance(treasury_account()) == 0
        assert set(ledger.trial_balance().values()) == {0}
        assert LocalChainGateway().stake(TREASURY, SUBNET)[0].alpha_rao == 10 * TAO

    def test_of_another_subnet_waits_to_go_back(self, alice: LocalWallet) -> None:
        workspace = make_workspace()
        link_coldkey(workspace, "//Alice")
        alice.pay_alpha(TREASURY, OTHER_SUBNET, TAO)

        blocks(3)

        assert (held(), balance_usd(workspace)) == (("unmatched", "wrong_subnet"), 0)
        assert fresh_balance(suspense_account("SN7")) == 1

    def test_on_an_address_for_tao_waits(self, alice: LocalWallet) -> None:
        workspace = make_workspace()
        address = standing.address_of(workspace, now=clock.now())
        alice.pay_alpha(address.address, SUBNET, TAO)

        blocks(3)

        assert held() == ("unmatched", "alpha_astray")
        address.refresh_from_db()
        assert address.unswept_rao == 0

    def test_from_a_stranger_waits(self, alice: LocalWallet) -> None:
        alice.pay_alpha(TREASURY, SUBNET, TAO)

        blocks(3)

        assert held() == ("unmatched", "unknown_sender")

    def test_comes_back_when_its_block_is_replaced(self, alice: LocalWallet) -> None:
        alice.pay_alpha(TREASURY, SUBNET, TAO)
        node.produce()

        node.reorganise(depth=1, drop=True)

        assert LocalChainGateway().stake(alice.address, SUBNET)[0].alpha_rao == 100 * TAO
        assert not LocalChainGateway().stake(TREASURY, SUBNET)

    @pytest.mark.parametrize("astray", [False, True])
    def test_goes_back_to_its_sender_as_a_stake_transfer(
        self, alice: LocalWallet, monkeypatch: pytest.MonkeyPatch, astray: bool
    ) -> None:
        monkeypatch.setenv("MARKET_PAYOUT_SEED", "//Treasury")
        address = standing.address_of(make_workspace(), now=clock.now()).address
        to, netuid = (address, SUBNET) if astray else (TREASURY, OTHER_SUBNET)
        for payer in (TREASURY, address):
            alice.pay(payer, TAO)
        blocks(3)
        alice.pay_alpha(to, netuid, TAO)
        blocks(3)
        deposit = Deposit.objects.get(netuid=netuid)

        words = {"deposit_id": deposit.public_id, "now": clock.now()}
        settlement.request_refund(**words, reason="Wrong subnet", actor=ADA)
        refunding.approve(**words, fee_rao=node.FEE_RAO, actor=GRACE)
        send_what_waits()
        blocks(3)

        deposit.refresh_from_db()
        assert deposit.status == "refunded"
        assert LocalChainGateway().stake(alice.address, netuid)[0].alpha_rao == 100 * TAO
        assert fresh_balance(suspense_account(f"SN{netuid}")) == 0
        assert set(ledger.trial_balance().values()) == {0}


def test_both_kinds_in_one_block_are_told_apart(alice: LocalWallet) -> None:
    workspace = make_workspace()
    link_coldkey(workspace, "//Alice")
    alice.stake(SUBNET, TAO)
    alice.pay(TREASURY, TAO)
    alice.pay_alpha(TREASURY, SUBNET, TAO)

    blocks(3)

    assert balance_usd(workspace) == Decimal("367.5")
    assert list(Deposit.objects.order_by("pk").values_list("event_index", "netuid")) == [
        (0, None),
        (1, SUBNET),
    ]


def test_reading_a_block_again_credits_nothing(alice: LocalWallet) -> None:
    workspace = make_workspace()
    link_coldkey(workspace, "//Alice")
    alice.pay(TREASURY, TAO)
    cursor = blocks(3)
    cursor.number = 0
    cursor.block_hash = LocalChainGateway().block(cursor.number).hash
    cursor.save()

    look()

    assert (balance_usd(workspace), Deposit.objects.count()) == (350, 1)


def send_what_waits() -> None:
    """Let both workers that sign take their turn."""
    sweeping.sweep(gateway=LocalChainGateway(), now=clock.now())
    pay()


def prove(workspace: Any, wallet: LocalWallet, *, text: str = "") -> None:
    """Link a wallet's coldkey by its signature."""
    message = text or coldkeys.challenge(workspace, now=clock.now())
    with transaction.atomic():
        coldkeys.link(
            principal=principal_of(workspace.owner),
            address=wallet.address,
            message=message,
            signature=wallet.keypair.sign(message.encode()).hex(),
            now=clock.now(),
        )


def test_nothing_is_written_of_transfers_between_others(alice: LocalWallet) -> None:
    alice.stake(SUBNET, TAO)
    alice.pay_alpha(LocalWallet("//Bob", tao=0).address, SUBNET, TAO)

    blocks(3)

    assert not Deposit.objects.exists()


class TestUnderWay:
    def test_counts_what_a_block_holds_until_it_is_final(self, alice: LocalWallet) -> None:
        workspace, now = make_workspace(), clock.now()
        alice.pay(standing.address_of(workspace, now=now).address, TAO)
        blocks(1)
        assert arriving_usd(now=now) == {workspace.pk: 350}

        blocks(2)

        assert arriving_usd(now=now) == {}

    def test_dust_and_alpha_hold_nothing(self, alice: LocalWallet) -> None:
        workspace, now = make_workspace(), clock.now()
        link_coldkey(workspace, "//Alice")
        alice.stake(SUBNET, TAO)
        alice.pay(TREASURY, 1000)
        alice.pay_alpha(TREASURY, SUBNET, TAO)

        blocks(1)

        assert Deposit.objects.filter(status="seen").count() == 2
        assert arriving_usd(now=now) == {}
