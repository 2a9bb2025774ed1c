"""What operators run: commands, tasks, admin pages."""

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from billing import tasks
from billing.accounts import fee_account
from billing.models import Deposit
from billing.services.grants import grant
from core.actors import PLATFORM
from tests.factories.billing import TAO, TREASURY, LocalWallet, blocks, make_invoice, make_workspace

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def granted() -> None:
    grant(
        workspace=make_workspace(), usd=Decimal(5), key="t", reason="Test", actor=PLATFORM, now=NOON
    )


@pytest.fixture
def ada(client: Client) -> User:
    user = User.objects.create_superuser("ada@example.com", "correct horse battery")
    client.force_login(user)
    return user


class TestCommands:
    def test_balanced(self, granted: None) -> None:
        assert run("trial_balance") == "USD 0.000000000\n"
        blocks(3)

        assert "Nothing to look at." in run("ledger_check")

    def test_a_balance_that_drifted_is_named(self, granted: None) -> None:
        account = fee_account()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers
            cursor.execute("UPDATE billing_account SET balance = 1 WHERE id = %s", [account.pk])
            cursor.execute("SET LOCAL session_replication_role = origin")

        with pytest.raises(CommandError, match="1 things to look at"):
            run("ledger_check", "--no-chain")

    def test_a_deposit_that_waits_is_named(self) -> None:
        LocalWallet().pay(TREASURY, TAO)
        blocks(3)

        with pytest.raises(CommandError, match="1 things to look at"):
            run("ledger_check")


class TestTasks:
    @pytest.mark.parametrize(
        "name",
        ["watch_chain", "sweep_deposits", "pay_out", "look_after_payouts", "check_ledger"],
    )
    def test_tolerates_what_a_newer_sender_adds(self, name: str) -> None:
        getattr(tasks, name)(an_argument_of_tomorrow=1)

    def test_the_schedule_names_tasks_that_exist(self) -> None:
        names = {task for task, _, _ in tasks.SCHEDULE.values()}

        assert names
        assert names <= current_app.tasks.keys()

    def test_a_worker_without_the_seed_goes_on(self, monkeypatch) -> None:
        monkeypatch.delenv("MARKET_DEPOSIT_SEED")

        tasks.sweep_deposits()


class TestAdmin:
    @pytest.mark.parametrize(
        "model",
        [
            "account",
            "entry",
            "invoice",
            "deposit",
            "outgoingtransfer",
            "payoutbatch",
            "payout",
            "payouthold",
            "chaincursor",
        ],
    )
    def test_money_is_read_only(self, client: Client, ada: User, model: str) -> None:
        LocalWallet().pay(make_invoice().address, TAO)
        blocks(3)

        assert client.get(f"/admin/billing/{model}/").status_code == 200
        assert client.get(f"/admin/billing/{model}/add/").status_code == 403

    def test_a_record_is_shown_with_its_history(self, client: Client, ada: User) -> None:
        LocalWallet().pay(make_invoice().address, TAO)
        blocks(3)
        deposit = Deposit.objects.get()

        page = client.get(f"/admin/billing/deposit/{deposit.pk}/change/")

        assert "Final; credited" in page.content.decode()

    def test_a_held_deposit_is_credited_with_a_reason(self, client: Client, ada: User) -> None:
        LocalWallet().pay(TREASURY, TAO)
        blocks(3)
        workspace = make_workspace()
        fields = {"action": "credit", "_selected_action": Deposit.objects.get().pk}

        client.post("/admin/billing/deposit/", fields | {"workspace": str(workspace.public_id)})
        assert Deposit.objects.get().status == "unmatched"
        client.post(
            "/admin/billing/deposit/",
            fields | {"workspace": str(workspace.public_id), "reason": "Sent the receipt."},
        )

        assert Deposit.objects.get().status == "settled"
