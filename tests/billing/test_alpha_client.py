"""The published client, unmodified: `lium fund --alpha` links and gets as far as the chain, plain `lium fund` never does.

What this holds (docs/adr/0009): no key of this market lets plain `lium fund` reach the transfer, whatever wallet is
linked, because the client pays an address of another platform there.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from bittensor_core import Keypair
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Scope
from billing.alpha_api import CHECKED_CLIENTS
from billing.models import LinkedColdkey
from tests.billing.fund_client import fund, make_wallet, point_at
from tests.factories.accounts import make_key
from tests.factories.billing import TREASURY, link_coldkey, make_workspace

pytestmark = [pytest.mark.client, pytest.mark.django_db(transaction=True)]
NOBODY = "ws://127.0.0.1:9"
Run = Callable[..., str]
ALPHA = ("--alpha", "-k", "default", "-a", "25", "--netuid", "51", "-y")
ALPHA_USUAL = ("--alpha", "-k", "default", "-a", "25", "-y")
PLAIN = ("-a", "1", "-y")


@pytest.fixture(autouse=True)
def alpha_taken(settings: Settings) -> None:
    settings.TREASURY_ADDRESS = TREASURY
    settings.MARKET_ALPHA_SUBNETS = (51,)


@pytest.fixture
def wallet(tmp_path: Path) -> Keypair:
    return make_wallet(tmp_path)


@pytest.fixture
def run(live_server: LiveServer, tmp_path: Path) -> Run:
    """Run `lium fund` with a key, on a chain that nobody serves: reaching it is seen, and nothing is ever sent."""
    point_at(tmp_path, NOBODY)
    return partial(fund, tmp_path, api_url=f"{live_server.url}/api")


def test_the_client_is_one_that_was_read() -> None:
    assert version("lium.io") in CHECKED_CLIENTS


def test_alpha_links_the_coldkey_and_gets_to_the_chain(run: Run, wallet: Keypair) -> None:
    workspace = make_workspace()
    secret = make_key(workspace.owner, scopes=[Scope.ALPHA])[1]

    first = run(*ALPHA, secret=secret)
    again = run(*ALPHA_USUAL, secret=secret)

    coldkey = LinkedColdkey.objects.get()
    assert (coldkey.address, coldkey.workspace) == (wallet.ss58_address, workspace)
    for said in (first, again):
        assert "could not connect to any endpoint" in said, said


@pytest.mark.parametrize("scopes", [["alpha"], ["billing"], ["read", "rent", "manage"]])
@pytest.mark.parametrize("linked", [True, False])
def test_plain_fund_never_gets_to_the_transfer(
    run: Run, wallet: Keypair, scopes: list[str], linked: bool
) -> None:
    workspace = make_workspace()
    secret = make_key(workspace.owner, scopes=scopes)[1]
    if linked:
        row = link_coldkey(workspace, "//Cold")
        LinkedColdkey.objects.filter(pk=row.pk).update(address=wallet.ss58_address)

    said = run(*PLAIN, secret=secret)

    assert "Sending the transfer" not in said, said
    assert "another platform" in said, said


def test_a_client_that_was_not_read_links_nothing(
    run: Run, wallet: Keypair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.alpha_api.CHECKED_CLIENTS", frozenset())
    secret = make_key(make_workspace().owner, scopes=[Scope.ALPHA])[1]

    run(*ALPHA, secret=secret)

    assert not LinkedColdkey.objects.exists()
