"""Nodes are asked on a schedule; answers and misses are written down."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from marketplace.machine import fingerprint, generate_keypair
from marketplace.machine.keys import load_private_key
from marketplace.models import Node, NodeEvent, NodeStatus
from marketplace.services import heartbeat, machines, silence
from tests.factories.marketplace import NOON, make_node, make_provider
from tests.machines import Sshd, loopback_sshd

STEP = heartbeat.PROBE_EVERY
LATEST = STEP * (1 + heartbeat.JITTER / 2)


def miss(node: Node, times: int, *, start: int = 0) -> Node:
    for index in range(start, start + times):
        heartbeat.record_missed(node_id=node.pk, why="", now=NOON + index * STEP)
    node.refresh_from_db()
    return node


@pytest.mark.django_db
class TestMissed:
    def test_is_recorded_and_moves_nothing(self) -> None:
        node = miss(make_node(), 50)

        assert (node.status, node.missed_probes, node.missing_since) == (
            NodeStatus.AVAILABLE,
            50,
            NOON,
        )

    def test_an_answer_starts_over(self) -> None:
        node = miss(make_node(), 3)

        heartbeat.record_seen(node_id=node.pk, boot_id="a", now=NOON + 3 * STEP)

        node.refresh_from_db()
        assert (node.missed_probes, node.missing_since) == (0, None)


@pytest.mark.django_db
class TestSeen:
    def test_an_offline_node_that_answers_is_back(self) -> None:
        node = miss(make_node(status=NodeStatus.OFFLINE), 4)

        heartbeat.record_seen(node_id=node.pk, boot_id="a", now=NOON + 5 * STEP)

        node.refresh_from_db()
        assert node.status == NodeStatus.AVAILABLE
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
        assert heartbeat.sweep(NOON + LATEST) == 1

    def test_that_is_no_news_is_one_statement(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        node = make_node(boot_id="a")

        with django_assert_num_queries(1):
            heartbeat.record_seen(node_id=node.pk, boot_id="a", now=NOON)

    @pytest.mark.parametrize("status", heartbeat.SLOW)
    def test_after_a_silence_has_what_is_off_the_market_checked(self, status: NodeStatus) -> None:
        node = miss(make_node(status=status, next_checks_at=NOON + timedelta(hours=6)), 4)

        heartbeat.record_seen(node_id=node.pk, now=NOON + 4 * STEP)

        node.refresh_from_db()
        assert node.next_checks_at == NOON + 4 * STEP


@pytest.mark.django_db
class TestSweep:
    def test_rings_once_for_each_node_that_is_due(self) -> None:
        make_node()
        make_node(next_probe_at=NOON + timedelta(seconds=5))
        make_node(delisted_at=NOON)
        make_node(status=NodeStatus.NOT_DETECTED, host_key="")

        assert heartbeat.sweep(NOON) == 1
        assert heartbeat.sweep(NOON) == 0
        assert heartbeat.sweep(NOON + LATEST) == 2

    def test_is_spread_by_jitter(self) -> None:
        nodes = [make_node() for _ in range(20)]

        heartbeat.sweep(NOON)

        waits = {Node.objects.get(pk=node.pk).next_probe_at for node in nodes}
        assert len(waits) > 10
        assert all(wait and STEP * 0.9 <= wait - NOON <= STEP * 1.1 for wait in waits)

    @pytest.mark.parametrize("status", heartbeat.SLOW)
    def test_still_looks_for_what_is_off_the_market_but_slowly(self, status: NodeStatus) -> None:
        make_node(status=status)

        assert heartbeat.sweep(NOON) == 1
        assert heartbeat.sweep(NOON + heartbeat.SLOW_EVERY * 0.8) == 0
        assert heartbeat.sweep(NOON + heartbeat.SLOW_EVERY * 1.2) == 1

    @pytest.mark.parametrize(
        ("silent_for", "wait"),
        [(timedelta(minutes=1), 10), (timedelta(minutes=30), 30), (timedelta(days=2), 60)],
    )
    def test_the_longer_it_is_silent_the_less_often(self, silent_for: timedelta, wait: int) -> None:
        make_node(status=NodeStatus.NOT_DETECTED, missing_since=NOON - silent_for)

        assert heartbeat.sweep(NOON) == 1
        assert heartbeat.sweep(NOON + timedelta(minutes=wait * 0.85)) == 0
        assert heartbeat.sweep(NOON + timedelta(minutes=wait * 1.15)) == 1

    def test_and_not_for_ever(self) -> None:
        gone = NOON - heartbeat.GIVEN_UP_AFTER - timedelta(minutes=1)
        make_node(status=NodeStatus.NOT_DETECTED, missing_since=gone)

        assert heartbeat.sweep(NOON) == 0


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with loopback_sshd(tmp_path / "sshd", host="127.0.20.2") as running:
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

        silence.sweep(NOON + 4 * STEP)

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
