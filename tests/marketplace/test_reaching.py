"""Who adds or moves a machine cannot look around in our network, nor have strangers' ports tried without end."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from pytest_django import Settings

from core import ratelimit
from core.actors import PLATFORM
from core.errors import Invalid, RateLimited
from marketplace import limits
from marketplace.machine import MachineUnreachable, generate_keypair, scan_host_key
from marketplace.models import Node
from marketplace.services import addresses, onboarding
from marketplace.services.onboarding import Claim
from tests.factories.marketplace import NOON, make_gpu_model, make_node, make_provider
from tests.machines import Sshd, loopback_sshd

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with loopback_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def on_the_internet(settings: Settings) -> None:
    settings.MARKET_MACHINE_NETWORKS = ()


def move(node: Node, host: str, port: int = 22) -> Node:
    return addresses.change(node_id=node.pk, host=host, port=port, actor=PLATFORM, now=NOON)


@pytest.mark.usefixtures("on_the_internet")
class TestOwnNetwork:
    @pytest.mark.parametrize("pinned", [False, True])
    def test_no_machine_is_moved_into_it(self, pinned: bool) -> None:
        key = generate_keypair()[1] if pinned else ""
        node = make_node(host_key=key, host="203.0.113.9")

        with pytest.raises(Invalid, match="not reachable from the internet"):
            move(node, "10.0.0.5", 6379)

        node.refresh_from_db()
        assert node.host == "203.0.113.9"

    def test_a_name_that_leads_there_later_is_not_connected_to(self, sshd: Sshd) -> None:
        with pytest.raises(MachineUnreachable, match="not on the internet"):
            scan_host_key("localhost", sshd.address.port, timeout=10)


def test_the_operators_own_network_is_reached(sshd: Sshd, settings: Settings) -> None:
    settings.MARKET_MACHINE_NETWORKS = (ip_network("127.0.0.0/8"),)

    assert scan_host_key(sshd.address.host, sshd.address.port, timeout=10)


@pytest.mark.parametrize("host", ["a..b", "-a.example", "a b", "a" * 64 + ".example", "", "::zz"])
def test_what_is_no_address_is_refused_wherever_it_is_typed(host: str) -> None:
    make_gpu_model()
    claim = Claim(gpu_model="H100", gpu_count=1, host=host)

    with pytest.raises(Invalid, match="neither an IP address nor a host name"):
        move(make_node(host_key=""), host)
    with pytest.raises(Invalid, match="neither an IP address nor a host name"):
        onboarding.add(provider=make_provider(), claim=claim, actor=PLATFORM, now=NOON)


def test_moving_and_adding_count_against_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    ratelimit.reset()
    monkeypatch.setattr(limits, "ADDRESSES_PER_PROVIDER", "2/hour")
    node = make_node(host_key="")
    make_gpu_model()
    claim = Claim(gpu_model="H100", gpu_count=1, host="203.0.113.8")

    move(node, "203.0.113.9")
    onboarding.add(provider=node.provider, claim=claim, actor=PLATFORM, now=NOON)

    with pytest.raises(RateLimited):
        move(node, "203.0.113.10")
