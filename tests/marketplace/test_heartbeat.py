"""Nodes go offline only on repeated evidence, a few at a time, and come back on an answer."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from marketplace.machine import fingerprint, generate_keypair
from marketplace.machine.keys import load_private_key
from marketplace.models import Node, NodeEvent, NodeStatus
from marketplace.services import heartbeat, machines
from tests.factories.marketplace import NOON, make_node, make_provider
from tests.machines import Sshd, loopback_sshd

STEP = heartbeat.PROBE_EVERY


def miss(node: Node, times: int, *, start: int = 0) -> Node:
    for index in range(start, start + times):
        heartbeat.record_missed(node_id=node.pk, why="", now=NOON + index * STEP)
    node.refresh_from_db()
    return node


@pytest.mark.django_db
class TestMissed:
    def test_three_misses_in_a_minute_are_nothing(self) -> None:
        assert miss(make_node(), 3).status == NodeStatus.AVAILABLE

    def test_misses_over_a_minute_and_a_half_are_offline_with_a_reason(self) -> None:
        node = miss(make_node(), 4)

        assert node.status == NodeStatus.OFFLINE
        event = node.events.get()
        assert event.reason_code == "not_answering"
        assert "4 probes over 90 s" in event.reason

    def test_an_answer_in_between_starts_over(self) -> None:
        node = miss(make_node(), 3)
        heartbeat.record_seen(node_id=node.pk, boot_id="a", now=NOON + 3 * STEP)

        assert miss(node, 2, start=4).status == NodeStatus.AVAILABLE

    def test_many_nodes_at_once_are_rather_our_own_fault(self) -> None:
        nodes = [make_node() for _ in range(10)]

        statuses = [miss(node, 5).status for node in nodes]

        assert statuses.count(NodeStatus.OFFLINE) == heartbeat.BLAST_MINIMUM

    def test_the_rest_follows_when_the_window_is_over(self) -> None:
        nodes = [make_node() for _ in range(5)]
        for node in nodes:
            miss(node, 5)

        later = NOON + heartbeat.BLAST_WINDOW + timedelta(minutes=3)
        for node in nodes:
            node.refresh_from_db()
            if node.status == NodeStatus.AVAILABLE:
                heartbeat.record_missed(node_id=node.pk, why="", now=later)

        assert Node.objects.filter(status=NodeStatus.OFFLINE).count() == 5


@pytest.mark.django_db
class TestSeen:
    def test_an_offline_node_that_answers_is_back(self) -> None:
        node = miss(make_node(), 4)

        heartbeat.record_seen(node_id=node.pk, boot_id="a", now=NOON + 5 * STEP)

        node.refresh_from_db()
        assert node.status == NodeStatus.AVAILABLE
        assert (node.missed_probes, node.missing_since) == (0, None)
        assert node.events.filter(reason_code="answers_again").exists()

    def test_another_boot_id_is_an_event(self) -> None:
        node = make_node(boot_id="a")

        heartbeat.record_seen(node_id=node.pk, boot_id="b", now=NOON)
        heartbeat.record_seen(node_id=node.pk, boot_id="b", now=NOON + STEP)

        assert list(node.events.values_list("reason_code", flat=True)) == ["rebooted"]

    def test_an_answer_to_somebody_else_puts_our_own_probe_off(self) -> None:
        node = make_node(boot_id="a")

        heartbeat.record_seen(node_id=node.pk, now=NOON)

        node.refresh_from_db()
        assert node.boot_id == "a"
        assert heartbeat.sweep(NOON + STEP / 2) == 0
        assert heartbeat.sweep(NOON + STEP) == 1


@pytest.mark.django_db
class TestSweep:
    def test_rings_once_for_each_node_that_is_due(self) -> None:
        make_node()
        make_node(next_probe_at=NOON + timedelta(seconds=5))
        make_node(delisted_at=NOON)
        make_node(status=NodeStatus.VALIDATION_FAILED)

        assert heartbeat.sweep(NOON) == 1
        assert heartbeat.sweep(NOON) == 0
        assert heartbeat.sweep(NOON + STEP) == 2


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with loopback_sshd(tmp_path / "sshd", host="127.0.20.2", port=2323) as running:
        yield running


@pytest.mark.django_db(transaction=True)
class TestProbe:
    def test_looks_over_ssh_and_never_tells_the_public_where(self, sshd: Sshd) -> None:
        node = _node_at(sshd)

        assert heartbeat.probe(node_id=node.pk, now=NOON)

        node.refresh_from_db()
        assert len(node.boot_id) == 36
        assert node.last_seen_at == NOON

    def test_another_host_key_counts_as_a_miss(self, sshd: Sshd) -> None:
        node = _node_at(sshd)
        Node.objects.filter(pk=node.pk).update(host_key=make_key())

        for index in range(4):
            assert not heartbeat.probe(node_id=node.pk, now=NOON + index * STEP)

        reason = NodeEvent.objects.get(node=node).reason
        assert "Another host key" in reason
        assert "127.0.20.2" not in reason


def make_key() -> str:
    return generate_keypair()[1]


def _node_at(sshd: Sshd) -> Node:
    key = load_private_key((sshd.home / "host_key").read_text())
    line = f"{key.get_name()} {key.get_base64()}"
    assert fingerprint(line) == sshd.address.host_key_sha256
    provider = make_provider()
    machines.seal_key(provider, sshd.address.private_key)
    provider.save()
    return make_node(
        provider=provider,
        host=sshd.address.host,
        ssh_port=sshd.address.port,
        ssh_user=sshd.address.user,
        host_key=line,
    )
