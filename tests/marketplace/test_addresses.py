"""A machine's address changes only if its pinned host key answers at the new one."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.actors import PLATFORM
from core.errors import RateLimited
from lium_site.stack.application import free_port
from marketplace import limits
from marketplace.machine import generate_keypair
from marketplace.machine.keys import load_private_key
from marketplace.models import Node, NodeStatus
from marketplace.services import addresses, heartbeat
from tests.factories.marketplace import NOON, make_node
from tests.machines import Sshd, loopback_sshd

pytestmark = pytest.mark.django_db(transaction=True)
PORT = free_port()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with loopback_sshd(tmp_path / "sshd", host="127.0.20.9", port=PORT) as running:
        yield running


def change(node: Node, host: str, port: int = PORT) -> Node:
    addresses.change(node_id=node.pk, host=host, port=port, actor=PLATFORM, now=NOON)
    node.refresh_from_db()
    return node


def host_key(sshd: Sshd) -> str:
    key = load_private_key((sshd.home / "host_key").read_text())
    return f"{key.get_name()} {key.get_base64()}"


def test_the_same_machine_is_reached_elsewhere(sshd: Sshd) -> None:
    node = make_node(host="127.0.20.8", public_host="127.0.20.8", host_key=host_key(sshd))

    change(node, "127.0.20.9")

    assert (node.host, node.public_host, node.ssh_port) == ("127.0.20.9", "127.0.20.9", PORT)
    event = node.events.get()
    assert event.reason_code == "address_changed"
    assert "127.0.20.9" not in event.reason


def test_who_was_given_up_is_looked_for_at_the_new_address(sshd: Sshd) -> None:
    gone = {"status": NodeStatus.NOT_DETECTED, "missing_since": NOON - timedelta(days=30)}
    node = make_node(host="127.0.20.8", host_key=host_key(sshd), **gone)
    assert heartbeat.sweep(NOON) == 0

    change(node, "127.0.20.9")

    assert heartbeat.sweep(NOON) == 1


def test_another_machine_is_refused_and_the_old_address_stays(sshd: Sshd) -> None:
    node = make_node(host="127.0.20.8", host_key=generate_keypair()[1])

    with pytest.raises(addresses.OtherMachine):
        change(node, "127.0.20.9")

    node.refresh_from_db()
    assert node.host == "127.0.20.8"


def test_a_silent_address_is_refused() -> None:
    node = make_node(host_key=generate_keypair()[1])

    with pytest.raises(addresses.AddressSilent, match="old address stays"):
        change(node, "127.0.20.10", 1)


def test_the_address_of_a_listed_machine_is_refused(sshd: Sshd) -> None:
    make_node(host="127.0.20.9", ssh_port=PORT)
    node = make_node(host_key=host_key(sshd))

    with pytest.raises(addresses.AddressTaken, match="same ip and port"):
        change(node, "127.0.20.9")


def test_a_machine_without_a_pinned_key_just_moves() -> None:
    node = make_node(host_key="")

    assert change(node, "127.0.20.11", 22).host == "127.0.20.11"


def test_who_has_a_slow_name_looked_up_waits_with_the_next() -> None:
    node = make_node(host_key="")
    with limits.looked_at.one_for(node.provider):
        with pytest.raises(RateLimited, match="addresses are being looked at"):
            change(node, "slow.example.com")

        # An address needs no lookup.
        assert change(node, "203.0.113.9").host == "203.0.113.9"


def test_a_claim_that_never_let_us_in_is_corrected_and_tried_at_once() -> None:
    never = {"status": NodeStatus.NOT_DETECTED, "proven_at": None, "first_listed_at": None}
    node = make_node(host="203.0.113.8", listing_wanted_at=NOON, **never)
    Node.objects.filter(pk=node.pk).update(next_checks_at=NOON + timedelta(hours=6))

    change(node, "203.0.113.9", 22)

    assert (node.host, node.host_key, node.next_checks_at) == ("203.0.113.9", "", NOON)
