"""A claim keeps nobody else out; who logs in at a machine does."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core.actors import PLATFORM
from core.errors import Conflict
from marketplace.machine import generate_keypair
from marketplace.models import Node, Provider
from marketplace.services import (
    address_claims,
    addresses,
    check_outcomes,
    enrolment,
    host_keys,
    onboarding,
)
from marketplace.services.addresses import AddressTaken
from marketplace.services.onboarding import Claim
from tests.factories.marketplace import NOON, make_gpu_model, make_node, make_provider
from tests.machines import Sshd, loopback_sshd

pytestmark = pytest.mark.django_db
HOST = "127.0.20.31"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with loopback_sshd(tmp_path_factory.mktemp("sshd"), host=HOST) as running:
        yield running


def claim(provider: Provider | None = None, *, key: str = "", **fields: Any) -> Node:
    """Add a machine at one and the same address."""
    make_gpu_model()
    said = Claim(**{"gpu_model": "H100", "gpu_count": 1, "host": HOST, **fields})
    node = onboarding.add(
        provider=provider or make_provider(), claim=said, actor=PLATFORM, now=NOON
    )
    if key:
        host_keys.confirm_host_key(node_id=node.pk, host_key=key, actor=PLATFORM, now=NOON)
    return node


def logged_in(node: Node) -> bool:
    known = check_outcomes.reached(node_id=node.pk, now=NOON)
    node.refresh_from_db()
    return known


def test_of_two_claims_the_one_that_lets_us_in_is_the_machine() -> None:
    key = generate_keypair()[1]
    squatter, owner = claim(key=key), claim(key=key)

    assert logged_in(owner)

    assert not logged_in(squatter)
    assert (owner.proven_at, squatter.proven_at) == (NOON, None)


def test_a_provider_claims_an_address_once() -> None:
    bob = make_provider()
    claim(bob)

    with pytest.raises(AddressTaken, match="already exists with the same ip and port"):
        claim(bob)


def test_an_address_where_a_machine_answers_is_taken() -> None:
    make_node(host=HOST)

    with pytest.raises(AddressTaken, match="already exists with the same ip and port"):
        claim()


def test_an_address_changes_hands_when_another_key_lets_us_in_there() -> None:
    gone = make_node(host=HOST, missing_since=NOON)
    new = claim(key=generate_keypair()[1])

    assert logged_in(new)

    gone.refresh_from_db()
    assert gone.proven_at is None


def test_a_host_key_is_that_of_the_machine_that_we_know() -> None:
    known = make_node()

    with pytest.raises(Conflict, match="on this market already"):
        claim(key=known.host_key)


def test_another_key_is_another_machine() -> None:
    node = claim(key=generate_keypair()[1])
    assert logged_in(node)

    key = generate_keypair()[1]
    node = host_keys.confirm_host_key(node_id=node.pk, host_key=key, actor=PLATFORM, now=NOON)

    assert node.proven_at is None


def test_a_machine_moves_to_an_address_where_nobody_answers_any_more(sshd: Sshd) -> None:
    gone = make_node(host=HOST, ssh_port=sshd.address.port, missing_since=NOON)
    moving = make_node(host_key=host_keys.scan_host_key(HOST, sshd.address.port, timeout=5))

    addresses.change(node_id=moving.pk, host=HOST, port=sshd.address.port, actor=PLATFORM, now=NOON)

    gone.refresh_from_db()
    assert gone.proven_at is None


def test_claims_that_never_let_us_in_are_dropped_after_a_day() -> None:
    old, new = claim(), claim(port=2200)
    listed = make_node()
    Node.objects.exclude(pk=new.pk).update(created_at=NOON - timedelta(days=1, minutes=1))
    Node.objects.filter(pk=new.pk).update(created_at=NOON)

    assert address_claims.drop_claims(NOON) == 1

    assert list(Node.objects.filter(delisted_at=NOON)) == [old]
    assert "Never reached" in old.events.latest("id").reason
    assert listed.delisted_at is None


def test_a_provider_has_so_many_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_claims, "MOST_CLAIMS", 1)
    bob = make_provider()
    make_node(provider=bob)
    claim(bob)

    with pytest.raises(address_claims.TooManyClaims, match="never reached"):
        claim(bob, port=2200)
    assert claim()


def test_a_described_machine_is_not_a_strangers_claim() -> None:
    private, _ = generate_keypair()
    key = generate_keypair()[1]
    make_gpu_model("NVIDIA GeForce RTX 4090", "RTX 4090", 24564)
    squatter = claim(key=key)
    said = enrolment.Description(
        name="local",
        host="127.0.20.32",
        port=22,
        user="lium",
        host_key=key,
        private_key=private,
        state_dir="/var/lib/lium-node",
        public_host="127.0.0.1",
        port_range=(20000, 20099),
    )

    node = enrolment.register(said, now=NOON)

    assert node.pk != squatter.pk
    assert (node.proven_at, node.provider.name) == (NOON, "local")
