"""`lium fund --alpha`, unmodified, against the real runtime, as far as that runtime has the calls.

Spec 218 has no transfer of stake between coldkeys, and chopsticks does not take the way in which the SDK asks a runtime
for stake: the client is linked and quoted, reaches the node and ends there. Where a node answers, it ends at the stake
that the new wallet lacks. The transfer itself, its credit and its way back are tested on the local chain
(tests/billing/test_deposits.py).
"""

from pathlib import Path

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Scope
from billing.models import LinkedColdkey
from tests.billing.chain.runtime import Runtime
from tests.billing.fund_client import fund, make_wallet, point_at
from tests.factories.accounts import make_key
from tests.factories.billing import TREASURY, make_workspace

pytestmark = [
    pytest.mark.client,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("chain"),
    pytest.mark.timeout(600),
]


def test_alpha_reads_the_chain_and_ends_where_the_runtime_does(
    live_server: LiveServer, tmp_path: Path, runtime: Runtime, settings: Settings
) -> None:
    settings.TREASURY_ADDRESS = TREASURY
    settings.MARKET_ALPHA_SUBNETS = (1,)
    wallet = make_wallet(tmp_path)
    runtime.fund(wallet.ss58_address, 10**9)
    runtime.produce()
    point_at(tmp_path, runtime.url)
    secret = make_key(make_workspace().owner, scopes=[Scope.ALPHA])[1]

    said = fund(
        tmp_path,
        *("--alpha", "-k", "default", "-a", "25", "-y"),
        api_url=f"{live_server.url}/api",
        secret=secret,
    )

    assert LinkedColdkey.objects.get().address == wallet.ss58_address
    assert "could not connect" not in said, said
    assert "No free alpha" in said or "Internal Error: hexadecimal string" in said, said
