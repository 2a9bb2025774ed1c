"""A fresh market: seeded once, whole, however often the command runs."""

import io
import json
import sys
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, User, Workspace
from billing.ledger import trial_balance
from billing.selectors import balance_usd
from lium_site.management.commands import enrol_local_machine
from marketplace.machine import generate_keypair
from marketplace.models import GpuModel, Node, NodeStatus
from marketplace.services import gpu_catalogue
from rentals.models import Template

TOKEN = "sk_test_0123456789abcdef"


@pytest.fixture
def _passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_ADMIN_EMAIL", "admin@example.com")
    monkeypatch.setenv("MARKET_ADMIN_PASSWORD", "first")
    monkeypatch.setenv("MARKET_RENTER_EMAIL", "renter@example.com")
    monkeypatch.setenv("MARKET_RENTER_PASSWORD", "second")
    monkeypatch.setenv("MARKET_RENTER_API_KEY", TOKEN)


@pytest.mark.django_db
@pytest.mark.usefixtures("_passwords")
class TestSeedMarket:
    def test_twice_is_once(self) -> None:
        counts = []
        for _ in range(2):
            call_command("seed_market")
            models = (User, ApiKey, Workspace, GpuModel, Template)
            counts.append([model.objects.count() for model in models])

        assert counts[0] == counts[1]
        renter = Workspace.objects.get(owner__email="renter@example.com", is_personal=True)
        assert balance_usd(renter) == Decimal(25)
        assert not any(trial_balance().values())

    def test_the_logins_and_the_key_work(self, client: object) -> None:
        call_command("seed_market")

        answer = client.get("/api/users/me", headers={"X-API-KEY": TOKEN})

        assert answer.status_code == 200
        admin = User.objects.get(email="admin@example.com")
        assert admin.is_superuser
        assert admin.check_password("first")

    def test_a_changed_password_follows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        call_command("seed_market")
        monkeypatch.setenv("MARKET_ADMIN_PASSWORD", "changed")

        call_command("seed_market")

        assert User.objects.get(email="admin@example.com").check_password("changed")


@pytest.mark.django_db
class TestSeedNothing:
    def test_without_passwords_nobody_is_made(self) -> None:
        call_command("seed_market")

        assert not User.objects.exists()
        assert GpuModel.objects.exists()


class TestEnrolLocalMachine:
    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"port_range": 5}', "not json"])
    def test_an_unusable_description_is_said_and_writes_nothing(self, text: str) -> None:
        with pytest.raises(CommandError, match="Send one JSON object"):
            enrol_local_machine._description(text)

    @pytest.mark.django_db(transaction=True)
    def test_a_machine_that_does_not_answer_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gpu_catalogue.load()
        private, public = generate_keypair()
        description: dict[str, Any] = dict.fromkeys(enrol_local_machine.FIELDS, "x")
        description |= {"host": "127.0.20.9", "port": 1, "host_key": public}
        description |= {"private_key": private, "port_range": [20000, 20009], "gpus": 1}
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(description)))

        with pytest.raises(CommandError, match="No SSH conversation"):
            call_command("enrol_local_machine")

        assert Node.objects.get().status == NodeStatus.NOT_DETECTED
