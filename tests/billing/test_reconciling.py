"""The ledger against the chain and against itself: what is on its way explains, what is missing is told."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from billing import ledger
from billing.accounts import (
    fee_account,
    grants_account,
    provider_account,
    suspense_account,
    treasury_account,
)
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import ChainUnavailable
from billing.ledger import Leg
from billing.models import (
    Deposit,
    Entry,
    Invoice,
    LocalAccount,
    OutgoingTransfer,
    Posting,
    Reconciliation,
)
from billing.services import between, proving, reconciling, sweeping
from core import clock
from marketplace.models import Alert
from tests.factories.billing import TAO, TREASURY, LocalWallet, blocks, look, make_invoice

pytestmark = pytest.mark.django_db
gateway = LocalChainGateway()
DUE = TAO // 10


def reconcile(chain: LocalChainGateway = gateway) -> Reconciliation:
    return reconciling.reconcile(gateway=chain, now=clock.now(), pause=lambda _: None)


def differences(found: Reconciliation) -> dict[str, int | None]:
    return {line.key: line.difference_rao for line in found.lines.all()}


def pay(rao: int = DUE) -> Invoice:
    invoice = make_invoice()
    LocalWallet().pay(invoice.address, rao)
    return invoice


class TestClean:
    def test_shows_zero_on_every_key(self) -> None:
        pay()
        blocks(3)

        found = reconcile()

        assert (found.status, found.keys) == ("clean", 3)
        assert differences(found) == {"deposit addresses": 0, "treasury": 0}

    def test_all_the_way_to_the_treasury(self) -> None:
        pay()
        blocks(3)
        sweeping.sweep(gateway=gateway, now=clock.now())
        blocks(3)

        assert reconcile().status == "clean"
        assert treasury_account().balance < 0

    def test_after_a_transfer_that_nobody_can_place(self) -> None:
        LocalWallet().pay(TREASURY, TAO)
        blocks(3)

        assert reconcile().status == "clean"


class TestBetween:
    def test_a_transfer_that_is_seen_explains(self) -> None:
        invoice = pay()
        blocks(3)
        LocalWallet().pay(invoice.address, DUE)
        blocks(1)

        found = reconcile()

        [line] = found.lines.filter(key="deposit address")
        assert (found.status, line.difference_rao) == ("clean", 0)
        assert [(one["what"], one["rao"], one["explains"]) for one in line.between] == [
            ("seen, not final", DUE, True)
        ]

    def test_a_sweep_that_is_signed_explains_on_both_sides(self) -> None:
        pay()
        blocks(3)
        sweeping.sweep(gateway=gateway, now=clock.now())
        node.produce()
        look()

        found = reconcile()

        assert OutgoingTransfer.objects.get().status == "signed"
        assert found.status == "clean"
        assert all(line.between for line in found.lines.exclude(key="deposit addresses"))

    @pytest.mark.parametrize(
        ("difference", "rao", "used"),
        [
            (0, [5], []),
            (5, [5], [5]),
            (-2, [5, -2, 7], [-2]),
            (10, [5, -2, 7], [5, -2, 7]),
            (1, [5, -2, 7], None),
            (3, [], None),
        ],
    )
    def test_only_an_exact_sum_explains(
        self, difference: int, rao: list[int], used: list[int] | None
    ) -> None:
        found = between.explained_by(
            difference, [between.Entry("on its way", uuid4(), one) for one in rao]
        )

        assert (None if found is None else [one.rao for one in found]) == used

    def test_too_many_ways_explain_nothing_and_end(self) -> None:
        many = [between.Entry("on its way", uuid4(), 1 << place) for place in range(60)]

        assert between.explained_by(1 << 59, many) is None


class TestDifference:
    def test_is_told_and_told_when_it_is_over(self, client: Client) -> None:
        invoice = pay()
        blocks(3)
        LocalAccount.objects.filter(address=invoice.address).update(free_rao=DUE - 7)

        found = reconcile()
        assert found.status == "different"
        assert differences(found)["deposit address"] == -7
        opened = Alert.objects.get(kind=reconciling.ALERT)
        assert invoice.address in opened.detail

        LocalAccount.objects.filter(address=invoice.address).update(free_rao=DUE)
        assert reconcile().status == "clean"
        opened.refresh_from_db()
        assert opened.closed_at

    def test_is_on_the_admins_first_page_with_what_lies_between(self, client: Client) -> None:
        invoice = pay()
        blocks(3)
        LocalWallet().pay(invoice.address, DUE)
        blocks(1)
        LocalAccount.objects.filter(address=invoice.address).update(free_rao=1)
        reconcile()
        client.force_login(User.objects.create_superuser("ada@example.com", "correct horse"))

        page = client.get("/admin/").content.decode()

        assert f"{1 - DUE:,}" in page
        assert "does not explain it" in page

    def test_between_what_is_recorded_for_addresses_and_the_account(self) -> None:
        pay()
        blocks(3)
        Invoice.objects.update(unswept_rao=DUE - 1)

        assert differences(reconcile())["deposit addresses"] == -1

    def test_of_a_chain_that_was_not_read_to_its_end_is_not_told(self) -> None:
        invoice = pay()
        blocks(3)
        LocalWallet().pay(invoice.address, DUE)
        node.produce(5)

        found = reconcile()

        assert found.status == "unknown"
        assert "only be unread" in found.note
        assert not Alert.objects.exists()


class TestDue:
    def due(self, after: timedelta) -> bool:
        return bool(reconciling.reconcile_if_due(gateway=gateway, now=clock.now() + after))

    def test_once_an_hour_and_at_once_where_there_was_none(self) -> None:
        blocks(3)

        asked = [self.due(timedelta(minutes=minutes)) for minutes in (0, 1, 59, 61, 62)]

        assert asked == [True, False, False, True, False]

    def test_sooner_where_the_last_time_told_nothing(self) -> None:
        blocks(3)
        reconcile()
        Reconciliation.objects.update(status="unknown")

        assert [self.due(timedelta(minutes=minutes)) for minutes in (4, 6)] == [False, True]


class Silent(LocalChainGateway):
    """A chain that does not tell balances."""

    def balance(self, address: str) -> int:
        raise ChainUnavailable("No endpoint answers.")


def test_a_chain_that_does_not_answer_is_unknown_and_never_zero() -> None:
    pay()
    blocks(3)

    found = reconcile(Silent())

    assert found.status == "unknown"
    assert differences(found) == {"deposit addresses": 0, "treasury": None, "deposit address": None}


def without_triggers(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


class TestProving:
    @pytest.fixture
    def deposit(self) -> Deposit:
        pay()
        blocks(3)
        return Deposit.objects.get()

    def kinds(self) -> set[str]:
        return {finding.kind for finding in proving.findings()}

    def test_a_whole_ledger_has_no_findings(self, deposit: Deposit) -> None:
        assert proving.prove(now=clock.now()) == []

    def test_an_orphaned_posting(self, deposit: Deposit) -> None:
        without_triggers("UPDATE billing_posting SET entry_id = -entry_id")

        assert {"orphaned posting"} <= self.kinds()

    def test_an_entry_without_postings(self, deposit: Deposit) -> None:
        without_triggers("DELETE FROM billing_posting")

        assert {"entry without postings", "balance"} <= self.kinds()

    def test_a_day_that_is_not_the_sum_of_its_postings(self) -> None:
        legs = [Leg(grants_account(), Decimal(-1)), Leg(provider_account(uuid4()), Decimal(1))]
        ledger.post(key="x", kind="x", legs=legs, occurred_at=clock.now())
        assert not self.kinds()

        without_triggers("UPDATE billing_accountday SET fee = 1")

        assert self.kinds() == {"day"}

    def test_an_entry_without_its_fact(self, deposit: Deposit) -> None:
        legs = [Leg(grants_account(), Decimal(-1)), Leg(fee_account(), Decimal(1))]
        ledger.post(
            key="x", kind="x", legs=legs, occurred_at=clock.now(), subject=("deposit", uuid4())
        )

        assert self.kinds() == {"entry without its deposit"}

    def test_a_deposit_without_its_entries(self, deposit: Deposit) -> None:
        without_triggers("UPDATE billing_entry SET subject_id = NULL, subject_kind = ''")

        assert self.kinds() == {"deposit without entries"}

    def test_suspense_that_nobody_waits_for(self, deposit: Deposit) -> None:
        legs = [Leg(treasury_account(), Decimal(-1)), Leg(suspense_account(), Decimal(1))]
        ledger.post(key="x", kind="x", legs=legs, occurred_at=clock.now())

        assert self.kinds() == {"suspense"}

    def test_sums_that_are_not_zero_are_told(self, deposit: Deposit) -> None:
        without_triggers("UPDATE billing_posting SET amount = amount + 1 WHERE leg = 1")

        proving.prove(now=clock.now())

        assert Posting.objects.exists()
        assert Entry.objects.exists()
        assert "trial balance" in Alert.objects.get(kind=proving.ALERT).detail
