"""Slow machines, and those that nobody rents yet, hold up nobody else's work."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest
from django.db import transaction

from core.errors import RateLimited
from lium_site.celery import QUEUES, app
from lium_site.stack import application
from marketplace import dispatch, limits, outbox, tasks
from marketplace.event_kinds import TEST
from marketplace.machine import MachineAddress, MachineUnreachable, fingerprint, generate_keypair
from marketplace.machine.transport import open_transport
from marketplace.models import Node, NodeStatus, Trigger, WebhookDelivery
from marketplace.services import checking, heartbeat, shares
from rentals import dispatch as pods
from tests.factories.accounts import Person
from tests.factories.marketplace import (
    NOON,
    make_delivery,
    make_node,
    make_provider,
    make_webhook,
)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Note which tasks were sent to which queues."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "core.doorbell.ring", lambda task, *, queue, **_: sent.append((task, queue))
    )
    return sent


class TestQueues:
    @pytest.mark.django_db
    def test_checks_and_machines_off_the_market_have_a_queue_of_their_own(
        self, rung: list[tuple[str, str]]
    ) -> None:
        make_node()
        make_node(status=NodeStatus.VALIDATION_PENDING)

        heartbeat.sweep(NOON)
        dispatch.check_node(1)

        assert [queue for _, queue in rung] == ["heartbeat", "checks", "checks"]
        assert pods.STEPS not in {queue for _, queue in rung}

    @pytest.mark.django_db
    def test_no_mail_waits_for_receivers_of_webhooks(
        self, rung: list[tuple[str, str]], bob: Person
    ) -> None:
        hook = make_webhook(bob.workspace)

        with transaction.atomic():
            outbox.write(
                [hook, outbox.mail_channel(bob.workspace, now=NOON)], kind=TEST, event={}, now=NOON
            )

        assert [queue for _, queue in rung] == ["webhooks", "mail"]
        served = [str(program.command) for program in application.workers({}, signing={})]
        assert not any("mail" in queues and "webhooks" in queues for queues in served)

    def test_every_queue_has_one_worker_and_the_sweeps_none_that_waits_for_machines(self) -> None:
        programs = {
            program.name: program.command[program.command.index("--queues") + 1]
            for program in application.workers({}, signing={})
        }
        served = [queue for queues in programs.values() for queue in str(queues).split(",")]

        assert sorted(served) == sorted(QUEUES)
        sweeps = {queue for task, _, queue in tasks.SCHEDULE.values() if "sweep" in task}
        assert sweeps == {"sweep"}
        assert "sweep" in str(programs["worker"])

    def test_what_the_clock_rings_waits_for_no_stranger_nor_in_turn_for_the_chain(self) -> None:
        app.finalize()
        rung = Counter(entry["options"]["queue"] for entry in app.conf.beat_schedule.values())
        chain = application.workers({}, signing={})[-1].command
        threads = int(str(chain[chain.index("--concurrency") + 1]))

        assert set(rung) <= {"sweep", "metering", "chain", "payout", "celery"}
        assert rung["chain"] + rung["payout"] == threads

    def test_no_task_names_a_limit_that_nobody_enforces(self) -> None:
        threads = (
            "probe_node",
            "probe_pods",
            "check_node",
            "reconcile_pod",
            "prepare_node",
            "sample_node",
        )
        limited = [
            name
            for name, task in app.tasks.items()
            if name.endswith(threads) and task.time_limit != app.conf.task_time_limit
        ]

        assert limited == []


@pytest.mark.django_db
class TestShares:
    def test_one_provider_takes_only_its_share_and_loses_nothing(self) -> None:
        bob = make_provider()
        nodes = [make_node(provider=bob) for _ in range(shares.LOOKS_PER_PROVIDER + 1)]
        rung: list[int] = []

        with ExitStack() as looks:
            admitted = [looks.enter_context(_look(node, rung)) for node in nodes]
            with _look(make_node(), rung) as other:
                assert other

        assert admitted == [True] * shares.LOOKS_PER_PROVIDER + [False]
        assert rung == [nodes[-1].pk]

    def test_one_owners_deliveries_take_only_their_share(
        self, bob: Person, charlie: Person
    ) -> None:
        """Receivers that say nothing keep each try for ten seconds."""
        hook = make_webhook(bob.workspace)
        mine = [make_delivery(hook) for _ in range(shares.DELIVERIES_PER_OWNER + 1)]
        rung: list[int] = []

        with ExitStack() as tries:
            admitted = [tries.enter_context(_try(delivery, rung)) for delivery in mine]
            with _try(make_delivery(make_webhook(charlie.workspace)), rung) as others:
                assert others

        assert admitted == [True] * shares.DELIVERIES_PER_OWNER + [False]
        assert rung == [mine[-1].pk]

    def test_a_provider_starts_so_many_runs_of_a_machine_in_an_hour(self) -> None:
        node = make_node()

        for _ in range(int(limits.RUNS_PER_MACHINE.partition("/")[0])):
            checking.start(node_id=node.pk, trigger=Trigger.PROVIDER, now=NOON)

        with pytest.raises(RateLimited):
            checking.start(node_id=node.pk, trigger=Trigger.PROVIDER, now=NOON)
        checking.start(node_id=node.pk, trigger=Trigger.SCHEDULE, now=NOON)


class TestDeadline:
    @pytest.fixture
    def dawdler(self) -> Iterator[int]:
        """Run a server that takes connections, and says something useless just before each deadline."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            held: list[socket.socket] = []

            def dawdle() -> None:
                while True:
                    try:
                        connection = server.accept()[0]
                    except OSError:
                        return
                    held.append(connection)
                    connection.sendall(b"SSH-2.0-slow\r\n")

            threading.Thread(target=dawdle, daemon=True).start()
            yield server.getsockname()[1]

    def test_connecting_takes_no_longer_than_it_may_in_all(self, dawdler: int) -> None:
        private, public = generate_keypair()
        address = MachineAddress(
            host="127.0.0.1",
            port=dawdler,
            user="lium",
            host_key_sha256=fingerprint(public),
            private_key=private,
        )
        began = time.monotonic()

        with pytest.raises(MachineUnreachable):
            open_transport(address, timeout=0.5, tries=1)

        assert time.monotonic() - began < 2


def _try(delivery: WebhookDelivery, rung: list[int]) -> AbstractContextManager[bool]:
    return shares.delivery(delivery_id=delivery.pk, ring=lambda: rung.append(delivery.pk))


def _look(node: Node, rung: list[int]) -> AbstractContextManager[bool]:
    return shares.look(node_id=node.pk, kind="test", ring=lambda: rung.append(node.pk))
