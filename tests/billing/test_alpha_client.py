"""The published client, unmodified: `lium fund --alpha` links and gets as far as the chain, plain `lium fund` never does.

What this holds (docs/adr/0009): no key of this market lets plain `lium fund` reach the transfer, whatever wallet is
linked, because the client pays an address of another platform there.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from bittensor_core import Keypair
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Scope
from billing.alpha_api import CHECKED_CLIENTS
from billing.models import LinkedColdkey
from tests.factories.accounts import make_key
from tests.factories.billing import TREASURY, link_coldkey, make_workspace

pytestmark = [pytest.mark.client, pytest.mark.django_db(transaction=True)]
# Where the chain SDK would go: nobody is there, so that reaching it is seen and nothing is ever sent.
NOBODY = "ws://127.0.0.1:9"
POINTED = f"""
import bittensor.settings as settings
for name in settings.NETWORKS:
    settings.NETWORKS[name] = {NOBODY!r}
settings.FALLBACK_ENDPOINTS.clear()
"""
Run = Callable[..., subprocess.CompletedProcess[str]]
Pay = tuple[str, ...]
ALPHA: Pay = ("--alpha", "-k", "default", "-a", "25", "--netuid", "51", "-y")
ALPHA_USUAL: Pay = ("--alpha", "-k", "default", "-a", "25", "-y")
PLAIN: Pay = ("-a", "1", "-y")


@pytest.fixture
def market(settings: Settings) -> None:
    settings.TREASURY_ADDRESS = TREASURY
    settings.MARKET_ALPHA_SUBNETS = (51,)


@pytest.fixture
def wallet(tmp_path: Path) -> Keypair:
    """Write a wallet as btcli does, with no password."""
    import bittensor

    made = bittensor.Wallet(path=str(tmp_path / ".bittensor/wallets"))
    made.create_new_coldkey(use_password=False, suppress=True)
    made.create_new_hotkey(use_password=False, suppress=True)
    return made.coldkeypub


@pytest.fixture
def fund(live_server: LiveServer, tmp_path: Path, market: None) -> Run:
    """Run `lium fund` with a key, on a chain that nobody serves."""
    (tmp_path / "sitecustomize.py").write_text(POINTED)

    def run(secret: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("lium"), "fund", "-w", "default", *arguments],
            env={
                "HOME": str(tmp_path),
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(tmp_path),
                "LIUM_BASE_URL": f"{live_server.url}/api",
                "LIUM_API_KEY": secret,
                "NO_COLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )

    return run


def test_the_client_is_one_that_was_read() -> None:
    assert version("lium.io") in CHECKED_CLIENTS


def test_alpha_links_the_coldkey_and_gets_to_the_chain(fund: Run, wallet: Keypair) -> None:
    workspace = make_workspace()
    secret = make_key(workspace.owner, scopes=[Scope.ALPHA])[1]

    first = fund(secret, *ALPHA)
    again = fund(secret, *ALPHA_USUAL)

    coldkey = LinkedColdkey.objects.get()
    assert (coldkey.address, coldkey.workspace) == (wallet.ss58_address, workspace)
    for done in (first, again):
        assert done.returncode != 0
        assert "could not connect to any endpoint" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("scopes", [["alpha"], ["billing"], ["read", "rent", "manage"]])
@pytest.mark.parametrize("linked", [True, False])
def test_plain_fund_never_gets_to_the_transfer(
    fund: Run, wallet: Keypair, scopes: list[str], linked: bool
) -> None:
    workspace = make_workspace()
    secret = make_key(workspace.owner, scopes=scopes)[1]
    if linked:
        row = link_coldkey(workspace, "//Cold")
        LinkedColdkey.objects.filter(pk=row.pk).update(address=wallet.ss58_address)

    done = fund(secret, *PLAIN)

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Sending the transfer" not in said, said
    assert "another platform" in " ".join(said.split()), said


def test_a_client_that_was_not_read_links_nothing(
    fund: Run, wallet: Keypair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.alpha_api.CHECKED_CLIENTS", frozenset())
    secret = make_key(make_workspace().owner, scopes=[Scope.ALPHA])[1]

    fund(secret, *ALPHA)

    assert not LinkedColdkey.objects.exists()
