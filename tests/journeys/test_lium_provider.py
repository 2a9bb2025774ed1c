"""The published client, unmodified, as a provider: from a wallet to a listed machine, and all that comes after."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from lium.cli.commands import mine_register as mine

from lium_site.stack.application import free_port
from tests.journeys.client import eventually
from tests.journeys.gpu_host import GPUS, MODEL, GpuHost, gpu_host
from tests.journeys.provider import ProviderClient
from tests.machines import loopback_sshd
from tests.market import LiveMarket

pytestmark = pytest.mark.client
LISTED_WITHIN = 180.0
SOON = 60.0


@pytest.fixture(scope="module")
def lium(market: LiveMarket, tmp_path_factory: pytest.TempPathFactory) -> ProviderClient:
    """A newcomer with a wallet, signed in."""
    client = ProviderClient(tmp_path_factory.mktemp("provider"), url=market.url)
    client.signed("portal", "login")
    return client


@pytest.fixture(scope="module")
def host(lium: ProviderClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHost]:
    """A GPU host on which the provider has installed the market's key."""
    with gpu_host(tmp_path_factory.mktemp("host")) as machine:
        machine.trust(lium.signed("portal", "whoami")["ssh_public_key"])
        yield machine


@pytest.fixture(scope="module")
def node(lium: ProviderClient, host: GpuHost) -> Iterator[str]:
    """The host, added with one command and listed by itself."""
    lium.signed(
        *("node", "add", "--gpu-type", MODEL, "--gpu-count", str(GPUS)),
        *("--ip", host.address, "--port", "22"),
    )
    [row] = lium.signed("node", "list")["data"]
    assert row["executor_ip_address"] == host.address
    wait_for(lambda: standing(lium, row["id"]), {"AVAILABLE"}, within=LISTED_WITHIN)
    yield row["id"]
    lium("provider", "-w", "ck", "-k", "hk", "node", "rm", row["id"])


def standing(lium: ProviderClient, node_id: str) -> str:
    return str(lium.signed("node", "get", node_id)["computed_status"]["status"])


def wait_for(read: Callable[[], str], wanted: set[str], *, within: float) -> str:
    deadline = time.monotonic() + within
    while (found := read()) not in wanted:
        assert time.monotonic() < deadline, f"{found} after {within:.0f} s, not {wanted}"
        time.sleep(1)
    return found


def token_of(lium: ProviderClient) -> str:
    """Read the session that the client keeps."""
    kept = json.loads((lium.home / ".lium" / "provider-portal-token.json").read_text())
    return str(kept[lium.hotkey]["token"])


class TestAccount:
    def test_the_wallet_is_the_account(self, lium: ProviderClient) -> None:
        me = lium.signed("portal", "whoami")

        assert me["miner_hotkey"] == lium.hotkey
        assert "useradd" in me["install_command"]

    def test_a_second_login_is_the_same_provider(self, lium: ProviderClient) -> None:
        provider_id = lium.signed("portal", "whoami")["provider_id"]

        time.sleep(1)  # the client signs whole seconds, and each counts once
        assert lium.signed("portal", "login", "--force")["provider_id"] == provider_id

    def test_an_ended_session_is_replaced(self, lium: ProviderClient, market: LiveMarket) -> None:
        time.sleep(1)
        headers = {"Authorization": f"Bearer {token_of(lium)}"}
        requests.post(
            f"{market.url}/portal/auth/logout", headers=headers, timeout=10
        ).raise_for_status()

        assert lium.signed("portal", "login")["token_present"]
        assert lium.signed("portal", "whoami")["miner_hotkey"] == lium.hotkey

    def test_subscriptions_are_kept(self, lium: ProviderClient) -> None:
        lium.signed("config", "set-subscriptions", "--gpu", "RTX4090")

        assert lium.signed("config", "show")["machine_request_subscription"] == [MODEL]

    def test_an_address_and_a_password_open_the_account_too(self, lium: ProviderClient) -> None:
        time.sleep(1)
        email, password = f"{lium.hotkey.lower()}@example.com", "a long enough secret"

        assert lium.signed("config", "set-email", email)["email"] == email
        lium.signed("config", "set-password", "--password", password)

        lium.environment["LIUM_PROVIDER_PASSWORD"] = password
        done = lium.ok("provider", "--json", "portal", "login", "--email", email)
        assert done.json["data"]["account"] == lium.hotkey
        time.sleep(1)
        lium.signed("portal", "login", "--force")

    def test_opting_out_and_in(self, market: LiveMarket, tmp_path: Path) -> None:
        other = ProviderClient(tmp_path, url=market.url)
        other.signed("portal", "login")

        other.signed("config", "opt-out")
        assert other.signed("config", "show")["opt_in_status"] is False
        other.signed("config", "opt-in")
        assert other.signed("config", "show")["opt_in_status"] is True


class TestMarket:
    def test_prices_and_estimates(self, lium: ProviderClient) -> None:
        names = {row["name"] for row in lium.signed("machine", "list")["data"]}
        told = lium.signed("machine", "estimate", "--gpu-type", "RTX4090", "--gpu-count", "2")

        assert MODEL in names
        assert told["gpu_type"] == MODEL
        assert told["hourly_while_rented_usd"] > 0

    def test_demand_and_earnings(self, lium: ProviderClient) -> None:
        demand, ledger = lium.signed("machine-request", "list"), lium.signed("billing", "list")

        assert "open_requests" in demand or "data" in demand
        assert isinstance(ledger["rows"], list)

    def test_a_gpu_that_nobody_knows_is_refused_in_words(self, lium: ProviderClient) -> None:
        done = lium(
            *("provider", "-w", "ck", "-k", "hk", "--json", "node", "add", "--gpu-type", "H999"),
            *("--ip", "198.19.0.9", "--port", "22", "--price", "1"),
        )

        assert done.code == 1
        assert "Unsupported gpu type" in done.out


class TestMachine:
    def test_every_check_is_shown_with_its_time(self, lium: ProviderClient, node: str) -> None:
        told = lium.signed("node", "status", node)

        assert told["last_run"]["outcome"] == "passed"
        assert all(step["name"] and step["status"] for step in told["last_run"]["steps"])
        assert told["blocking_reasons"] == []

    def test_renters_find_it(self, lium: ProviderClient, market: LiveMarket, node: str) -> None:
        offered = requests.get(f"{market.url}/api/executors", timeout=10).json()

        assert node in {row["id"] for row in offered}

    def test_status_counts_it(self, lium: ProviderClient, node: str) -> None:
        told = lium.signed("status")

        assert (told["portal_session_active"], told["node_count"]) == (True, 1)

    def test_the_price_moves_within_the_corridor(self, lium: ProviderClient, node: str) -> None:
        lium.signed("node", "update-price", node, "--price", "0.5")
        assert lium.signed("node", "get", node)["price_per_gpu"] == 0.5

        refused = lium(
            *("provider", "-w", "ck", "-k", "hk", "--json"),
            *("node", "update-price", node, "--price", "500"),
        )
        assert refused.code == 1
        assert "corridor" in refused.out

    def test_the_smallest_pod(self, lium: ProviderClient, node: str) -> None:
        lium.signed("node", "min-gpu", "set", node, "2")
        assert lium.signed("node", "get", node)["min_gpu_count_for_rental"] == 2

        lium.signed("node", "min-gpu", "unset", node)
        assert lium.signed("node", "get", node)["min_gpu_count_for_rental"] == 1

    def test_notice_is_given_and_taken_back(self, lium: ProviderClient, node: str) -> None:
        start = (datetime.now(UTC) + timedelta(hours=30)).isoformat(timespec="seconds")

        lium.signed("node", "notice-period", "set", node, "--start", start, "--minutes", "30")
        assert lium.signed("node", "get", node)["notice_period"]["period_in_minute"] == 30

        lium.signed("node", "notice-period", "unset", node)
        assert not lium.signed("node", "get", node).get("notice_period")

    def test_an_address_where_nobody_answers_is_refused(
        self, lium: ProviderClient, node: str
    ) -> None:
        refused = lium(
            *("provider", "-w", "ck", "-k", "hk", "--json"),
            *("node", "address", node, "127.0.0.1", str(free_port())),
        )

        assert refused.code == 1
        assert "the old address stays" in refused.out

    def test_pods_and_requests_are_read(self, lium: ProviderClient, node: str) -> None:
        assert lium.signed("node", "pods", node)["data"] == []
        assert isinstance(lium.signed("node", "machine-requests", node)["data"], list)


class TestRegister:
    """The half of `lium mine --register` that speaks to the portal; the other half installs other software."""

    @pytest.fixture
    def token(self, lium: ProviderClient, market: LiveMarket) -> str:
        headers = {"Authorization": f"Bearer {token_of(lium)}"}
        url = f"{market.url}/portal/executors/register-token"
        answer = requests.post(url, headers=headers, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def test_a_machine_registers_itself_and_hears_what_to_mend(
        self,
        lium: ProviderClient,
        market: LiveMarket,
        token: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("LIUM_SHARED_CONFIG_URL", f"{market.url}/portal/shared-config")
        known = mine.parse_register_token(token)
        portal = mine.build_http(f"{market.url}/portal", token)
        port = free_port()

        mine.confirm_register_token(portal)
        with loopback_sshd(tmp_path, port=port):
            claim = {
                "miner_hotkey": known.miner_hotkey,
                "gpu_type": MODEL,
                "gpu_count": 1,
                "ip_address": "127.0.0.1",
                "port": port,
                "price_per_gpu": mine.resolve_price(MODEL, None),
            }
            added = mine.register_node(portal, **claim)
            again = mine.register_node(portal, **claim)
            assert added.node_id
            assert (again.node_id, again.already_registered) == (added.node_id, True)
            eventually(lambda: bool(mine.read_status(portal, added.node_id).fix), within=SOON)
            ended = mine.wait_until_listed(portal, added.node_id, timeout_s=0)

        words, code = mine.result_summary(ended, node_url=market.url, waited_s=0)
        assert (ended.status, code) == ("NOT_DETECTED", 2)
        assert "Last note from the portal" in words
        lium.signed("node", "rm", added.node_id)

    def test_a_listed_machine_ends_the_wait_of_who_knows_its_id(
        self, market: LiveMarket, node: str
    ) -> None:
        portal = mine.build_http(f"{market.url}/portal", "")

        ended = mine.wait_until_listed(portal, node, timeout_s=SOON)

        assert mine.result_summary(ended, node_url=market.url, waited_s=0)[1] == 0

    def test_a_token_of_nobody_is_refused_before_anything_is_installed(
        self, market: LiveMarket, token: str
    ) -> None:
        forged = mine.build_http(f"{market.url}/portal", token[:-4] + "AAAA")

        with pytest.raises(mine.RegisterError, match="refused the register token"):
            mine.confirm_register_token(forged)
