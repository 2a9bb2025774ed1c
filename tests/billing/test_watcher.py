"""From a block to a balance: every payment state, replaced blocks, and a watcher that is stopped anywhere."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import ledger
from billing.accounts import deposits_account, suspense_account
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import ChainReplaced, Network, Scan, StakeTransfer, Transfer
from billing.models import (
    ChainCursor,
    Deposit,
    Entry,
    Invoice,
    LocalChain,
    LocalTransfer,
    PaymentEvent,
    RateBreaker,
)
from billing.selectors import balance_usd
from billing.watcher import watch
from marketplace.models import Alert
from tests.factories.billing import (
    HOTKEY,
    TAO,
    TREASURY,
    Killed,
    LocalWallet,
    blocks,
    dying_at,
    fresh_balance,
    in_parallel,
    look,
    make_invoice,
    make_workspace,
)
from tests.factories.rates import price_is

pytestmark = pytest.mark.django_db
DUE = TAO // 10
SHORT = timedelta(seconds=3)


@pytest.fixture
def alice() -> LocalWallet:
    return LocalWallet()


class Young(LocalChainGateway):
    """A chain that a new market begins to read at its newest final block."""

    def network(self) -> Network:
        return replace(super().network(), first_block=self.heads().finalized)


def fresh(invoice: Invoice) -> Invoice:
    invoice.refresh_from_db()
    return invoice


def usd(invoice: Invoice) -> Decimal:
    return balance_usd(invoice.workspace)


class TestInTime:
    def test_seen_then_final_then_credited(self, alice: LocalWallet) -> None:
        invoice = make_invoice()
        alice.pay(invoice.address, DUE)

        blocks(1)
        assert (fresh(invoice).status, usd(invoice)) == ("seen", 0)
        blocks(1)
        assert (fresh(invoice).status, usd(invoice)) == ("seen", 0)
        blocks(1)
        assert (fresh(invoice).status, usd(invoice)) == ("paid", 35)
        assert ledger.trial_balance() == {"TAO": 0, "USD": 0}
        assert fresh_balance(deposits_account()) == Decimal("-0.1")

    @pytest.mark.parametrize(
        ("amounts", "status", "credited"),
        [
            ([DUE // 2], "underpaid", "17.5"),
            ([DUE // 2, DUE // 2], "paid", "35"),
            ([DUE // 2, DUE], "overpaid", "52.5"),
            ([DUE * 3], "overpaid", "105"),
            ([DUE, DUE // 4], "overpaid", "43.75"),
            ([DUE, DUE], "double", "70"),
            ([DUE, DUE, DUE // 2], "double", "87.5"),
        ],
    )
    def test_whatever_arrives_is_credited(
        self, alice: LocalWallet, amounts: list[int], status: str, credited: str
    ) -> None:
        invoice = make_invoice()

        for amount in amounts:
            alice.pay(invoice.address, amount)
            blocks(3)

        assert (fresh(invoice).status, usd(invoice)) == (status, Decimal(credited))

    def test_parts_in_one_block(self, alice: LocalWallet) -> None:
        invoice = make_invoice()
        alice.pay(invoice.address, DUE // 2)
        alice.pay(invoice.address, DUE // 2)

        blocks(3)

        assert fresh(invoice).status == "paid"

    def test_the_locked_rate_holds(self, alice: LocalWallet) -> None:
        invoice = make_invoice()
        price_is(Decimal(100))
        alice.pay(invoice.address, DUE)

        blocks(3)

        assert usd(invoice) == 35


def test_what_was_paid_before_the_first_look_counts(alice: LocalWallet) -> None:
    invoice = make_invoice()
    alice.pay(invoice.address, DUE)
    state = node.produce(20)

    watch(gateway=Young(), now=node.time_of(state, state.head))

    assert fresh(invoice).status == "paid"


class TestAfterTheEnd:
    def test_expires_when_nothing_came(self) -> None:
        invoice = make_invoice(life=SHORT)

        blocks(8)

        assert fresh(invoice).status == "expired"

    def test_late_gets_the_rate_of_its_arrival(self, alice: LocalWallet) -> None:
        invoice = make_invoice(life=SHORT)
        blocks(8)
        price_is(Decimal(100))
        alice.pay(invoice.address, DUE)

        blocks(3)

        deposit = Deposit.objects.get()
        assert (fresh(invoice).status, usd(invoice)) == ("late", 10)
        assert (deposit.late, deposit.rate_source) == (True, "simulated, set by the operator")
        assert [one["usd_per_tao"] for one in deposit.rate_observations] == ["100"]

    def test_a_watcher_that_was_down_does_not_expire_what_was_paid_in_time(
        self, alice: LocalWallet
    ) -> None:
        invoice = make_invoice(life=timedelta(seconds=30))
        alice.pay(invoice.address, DUE)
        node.produce(1000)

        look()

        assert (fresh(invoice).status, Deposit.objects.get().late) == ("paid", False)

    def test_without_a_rate_it_waits_for_an_admin_and_holds_nobody_up(
        self, alice: LocalWallet
    ) -> None:
        late, punctual = make_invoice(life=SHORT), make_invoice()
        blocks(8)
        alice.pay(late.address, DUE)
        alice.pay(punctual.address, DUE)
        RateBreaker.objects.update(status="open")

        blocks(3)

        assert (usd(late), usd(punctual)) == (0, 35)
        assert Deposit.objects.get(invoice=late).status == "unmatched"
        assert fresh_balance(suspense_account()) == Decimal("0.1")

    def test_the_rest_of_a_part_comes_late(self, alice: LocalWallet) -> None:
        invoice = make_invoice(life=timedelta(seconds=5))
        alice.pay(invoice.address, DUE // 2)
        blocks(10)
        assert fresh(invoice).status == "underpaid"
        alice.pay(invoice.address, DUE // 2)

        blocks(3)

        assert (fresh(invoice).status, usd(invoice)) == ("late", 35)


class TestHeld:
    def test_dust(self, alice: LocalWallet) -> None:
        invoice = make_invoice()
        alice.pay(invoice.address, node.FEE_RAO)

        blocks(3)

        assert (fresh(invoice).status, usd(invoice)) == ("open", 0)
        assert Deposit.objects.get().status == "unmatched"

    def test_a_stranger_pays_the_treasury(self, alice: LocalWallet) -> None:
        alice.pay(TREASURY, TAO)

        blocks(3)

        event = PaymentEvent.objects.get()
        assert (event.to_status, event.reason_code) == ("unmatched", "unknown_sender")
        assert fresh_balance(suspense_account()) == 1

    def test_transfers_between_others_are_not_ours(self, alice: LocalWallet) -> None:
        alice.pay(LocalWallet("//Bob", tao=0).address, TAO)

        blocks(3)

        assert not Deposit.objects.exists()


class Nothing(LocalChainGateway):
    """A chain whose blocks tell transfers of nothing to addresses of ours first, as Subtensor's may."""

    def __init__(self, address: str) -> None:
        self.told = {
            "transfers": Transfer(9, TREASURY, address, 0),
            "stake_transfers": StakeTransfer(8, TREASURY, TREASURY, HOTKEY, 51, 0),
        }

    def scan(self, *, after: int, upto: int) -> Scan:
        scan = super().scan(after=after, upto=upto)
        blocks = [
            replace(
                block, **{kind: (one, *getattr(block, kind)) for kind, one in self.told.items()}
            )
            for block in scan.blocks
        ]
        return replace(scan, blocks=blocks)


def test_a_transfer_of_nothing_is_none_and_keeps_nothing_behind_it(alice: LocalWallet) -> None:
    invoice = make_invoice()
    alice.pay(invoice.address, DUE)
    for _ in range(3):
        node.produce()
        watch(gateway=Nothing(invoice.address), now=node.time_of(node.chain(), node.chain().head))

    assert fresh(invoice).status == "paid"
    assert Deposit.objects.count() == 1


class Broken(LocalChainGateway):
    """A gateway that fails in a way that nobody thought of."""

    def scan(self, *, after: int, upto: int) -> Scan:
        raise LookupError("a row of somebody's")


def test_an_unexpected_failure_is_told_until_blocks_are_read_again() -> None:
    cursor = blocks(5)
    state = node.produce(1)

    for _ in range(2):
        with pytest.raises(LookupError):
            watch(gateway=Broken(), now=node.time_of(state, state.head))

    alert = Alert.objects.get(kind="blocks_not_read", closed_at=None)
    assert "LookupError" in alert.detail
    assert "somebody" not in alert.detail  # anybody may read it
    cursor.refresh_from_db()
    assert "a row of somebody's" in cursor.problem
    look()
    cursor.refresh_from_db()
    assert cursor.problem == ""
    assert not Alert.objects.filter(closed_at=None).exists()


class TestReplacedBlocks:
    def test_a_sighting_moves_to_the_new_block_and_is_credited_once(
        self, alice: LocalWallet
    ) -> None:
        invoice = make_invoice()
        alice.pay(invoice.address, DUE)
        blocks(1)

        node.reorganise(depth=1)
        look()
        assert fresh(invoice).status == "open"
        blocks(3)

        assert (fresh(invoice).status, usd(invoice)) == ("paid", 35)
        assert sorted(Deposit.objects.values_list("status", flat=True)) == ["credited", "replaced"]

    def test_a_dropped_transfer_is_never_credited(self, alice: LocalWallet) -> None:
        invoice = make_invoice()
        alice.pay(invoice.address, DUE)
        blocks(2)

        node.reorganise(depth=2, drop=True)
        blocks(5)

        assert (fresh(invoice).status, usd(invoice)) == ("open", 0)
        assert Deposit.objects.get().status == "replaced"

    def test_another_chain_stops_the_watcher(self) -> None:
        blocks(5)
        ChainCursor.objects.update(block_hash="0x" + "00" * 32)

        with pytest.raises(ChainReplaced):
            look()


class TestStoppedAnywhere:
    def test_killed_at_every_statement_in_turn(self, alice: LocalWallet) -> None:
        invoices = [make_invoice(), make_invoice(life=SHORT), make_invoice(life=SHORT)]
        blocks(8)
        for invoice in invoices[:2]:
            alice.pay(invoice.address, DUE)
        alice.pay(invoices[0].address, node.FEE_RAO)
        node.produce(3)

        deaths = 0
        while True:
            try:
                with connection.execute_wrapper(dying_at(deaths + 1)):
                    look()
                break
            except Killed:
                deaths += 1
        look()

        assert deaths > 40
        assert [fresh(invoice).status for invoice in invoices] == ["paid", "late", "expired"]
        assert Entry.objects.filter(kind="deposit").count() == 5
        assert credited_equals_chain()

    @settings(
        max_examples=20,
        phases=[Phase.generate],  # a shrink takes minutes; the history that failed is printed whole
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(data=st.data())
    def test_any_history_credits_what_is_final(self, data: st.DataObject) -> None:
        start = transaction.savepoint()  # an atomic block would forbid the watcher's durable ones
        run_history(data)
        transaction.savepoint_rollback(start)


@pytest.mark.django_db(transaction=True)
def test_four_watchers_at_once_credit_once() -> None:
    alice = LocalWallet()
    invoices = [make_invoice(make_workspace(name)) for name in ("alice", "bob")]
    for invoice in invoices * 3:
        alice.pay(invoice.address, DUE)
        node.produce()
    node.produce(3)

    in_parallel(4, lambda _: look())

    assert [usd(invoice) for invoice in invoices] == [105, 105]
    assert credited_equals_chain()


def run_history(data: st.DataObject) -> None:
    alice = LocalWallet(tao=900)
    node.produce(3)  # her funds are final: no reorganisation takes them
    workspace = make_workspace()
    invoices = [make_invoice(workspace, life=timedelta(seconds=6)) for _ in range(3)]
    steps = st.sampled_from(["pay", "pay", "block", "block", "look", "die", "fork", "drop"])
    for step in data.draw(st.lists(steps, max_size=16)):
        if step == "pay":
            invoice = data.draw(st.sampled_from(invoices))
            alice.pay(invoice.address, data.draw(st.integers(node.FEE_RAO + 1, 2 * DUE)))
        elif step == "block":
            node.produce()
        elif step == "look":
            look()
        elif step == "die":
            die(data.draw(st.integers(1, 60)))
        elif (state := node.chain()).head > node.finalized(state):
            deepest = state.head - node.finalized(state)
            node.reorganise(depth=data.draw(st.integers(1, deepest)), drop=step == "drop")
    blocks(12)
    assert credited_equals_chain()
    assert ledger.trial_balance() in ({}, {"TAO": 0, "USD": 0})
    assert not Deposit.objects.filter(status="seen").exists()
    assert not Invoice.objects.filter(status__in=["open", "seen"]).exists()


def die(statement: int) -> None:
    try:
        with connection.execute_wrapper(dying_at(statement)):
            look()
    except Killed:
        return


def credited_equals_chain() -> bool:
    """Compare what is final on the chain with what the rows and the ledger say."""
    final = node.finalized(LocalChain.objects.get())
    ours = Invoice.objects.values("address")
    chain = LocalTransfer.objects.filter(destination__in=ours, block_number__lte=final)
    rows = Deposit.objects.filter(status__in=["credited", "unmatched"], invoice__isnull=False)
    arrived = chain.aggregate(total=Sum("amount_rao"))["total"] or 0
    written = rows.aggregate(total=Sum("amount_rao"))["total"] or 0
    return arrived == written == -fresh_balance(deposits_account()) * TAO
