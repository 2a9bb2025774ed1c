"""The published `lium` client, unmodified, against this server: accounts, keys and SSH keys."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from accounts.models import ApiKey, SshKey, User
from accounts.services import signup
from core import clock
from tests.lium import run_lium

pytestmark = [pytest.mark.client, pytest.mark.django_db(transaction=True)]
PASSWORD = "correct horse battery staple"
Run = Callable[..., Any]


@pytest.fixture
def lium(live_server: LiveServer, tmp_path: Path) -> Run:
    """Run the client in a home of its own and give its JSON, or its exit code and error."""
    (tmp_path / ".ssh").mkdir()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / ".ssh/id_ed25519"],
        check=True,
    )
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "LIUM_BASE_URL": f"{live_server.url}/api",
        "LIUM_NONINTERACTIVE": "1",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }

    def run(*arguments: str, refused: int = 0, stdin: str = "", **extra: str) -> Any:
        done = run_lium(*arguments, env=environment | extra, cwd=tmp_path, text=stdin)
        assert done.returncode == refused, done.stdout + done.stderr
        if refused:
            return json.loads(done.stderr.splitlines()[-1])["error"]
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return run


def test_signs_up_with_an_address(lium: Run) -> None:
    lium("signup", "--email", "dora@example.com", "--json")

    me = lium("whoami", "--json")
    balance = lium("balance", "--json")

    assert "dora@example.com" in json.dumps(me)
    assert balance["balance"] == 0, balance
    assert User.objects.get().email == "dora@example.com"


def test_signs_up_without_an_address_and_with_a_billing_key(lium: Run) -> None:
    made = lium("signup", "--no-email", "--billing-key", "--json")

    assert len(made["fingerprint"]) == 32
    assert User.objects.get().email is None
    assert ["billing"] in ApiKey.objects.values_list("scopes", flat=True)


def test_takes_a_key_of_the_website_and_registers_the_ssh_key(lium: Run) -> None:
    secret = sign_up().api_key

    lium("init", "--api-key", secret)
    lium("ssh-keys", "sync")
    lium("ssh-keys", "sync")
    listed = lium("ssh-keys", "list")

    assert SshKey.objects.count() == 1
    assert SshKey.objects.get().name in listed


def test_refuses_a_dead_key_in_its_words(lium: Run) -> None:
    secret = sign_up().api_key
    ApiKey.objects.update(revoked_at=clock.now())

    error = lium("balance", "--json", refused=3, LIUM_API_KEY=secret)

    assert error["code"] == "invalid_api_key"


def test_makes_caps_and_shows_keys_through_a_session(lium: Run) -> None:
    secret = sign_up().api_key
    lium("init", "--api-key", secret)
    login = ("workspaces", "login", "--email", "dora@example.com", "--password-stdin")
    lium(*login, stdin=PASSWORD)

    made = lium(
        "keys",
        "create",
        "ci",
        "--scope",
        "read",
        "--daily-budget",
        "5.10",
        "--max-budget",
        "20",
        "--pod-visibility",
        "own",
        "--json",
    )
    lium("keys", "create", "payer", "--scope", "billing", "--json")
    lium("keys", "budget", "ci", "--monthly-budget", "15", "--json")
    shown = lium("keys", "show", "ci", "--json")

    assert made["key"].startswith("sk_")
    assert (shown["daily_budget_usd"], shown["monthly_budget_usd"]) == (5.1, 15.0)
    assert shown["can_do"]
    assert len(lium("keys", "list", "--json")) == 3
    assert "read" in lium("keys", "scopes")


def test_reads_teams_and_audit(lium: Run) -> None:
    lium("init", "--api-key", sign_up().api_key)
    login = ("workspaces", "login", "--email", "dora@example.com", "--password-stdin")
    lium(*login, stdin=PASSWORD)

    lium("workspaces", "create", "Research")
    teams = lium("workspaces", "list", "--json")
    trail = lium("audit", "--account", "--json")

    assert "Research" in json.dumps(teams)
    assert "key.create" in json.dumps(trail)


def sign_up() -> signup.NewAccount:
    return signup.sign_up(email="dora@example.com", password=PASSWORD, name="Dora", now=clock.now())
