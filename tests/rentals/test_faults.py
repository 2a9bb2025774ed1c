"""Ten machines and what befalls them: cables pulled, our own network down.

Time is passed in, so that nobody waits for a minute and a half; everything else is real.
"""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connection

from core import clock
from marketplace.machine import connect, sessions
from marketplace.models import Alert, Node, NodeStatus
from marketplace.services import heartbeat, outage, silence
from marketplace.simulated import gpus_tsv
from rentals import terms
from rentals.engine import prepare_node
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.runtime import BaseImage, RuntimeBundle, artifacts
from rentals.services import probing, provisioning, renting
from tests.factories.rentals import (
    GPU_COUNT,
    SEED,
    make_base_template,
    make_principal,
    put_ready_on_market,
    rent_request,
)
from tests.faults import engine_machines, unplugged, unreachable
from tests.machines import EngineMachine

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
Item = TypeVar("Item")
COUNT, WITH_PODS, PULLED = 10, 4, 3
IMAGE = "lium/base:empty"
# One look each; the last is past the minute and a half.
LOOKS = [timedelta(seconds=seconds) for seconds in (0, 45, 95)]


@pytest.fixture(scope="module")
def bundle(runtime_cache: Path) -> RuntimeBundle:
    return artifacts(runtime_cache).runtime


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, bundle: RuntimeBundle
) -> Iterator[list[EngineMachine]]:
    """Run ten machines; the first four are ready for pods."""
    with engine_machines(tmp_path_factory.mktemp("fleet"), COUNT) as machines:
        with ThreadPoolExecutor(WITH_PODS) as pool:
            list(pool.map(lambda machine: prepare(machine, bundle), machines[:WITH_PODS]))
        yield machines


@pytest.fixture
def nodes(
    fleet: list[EngineMachine], bundle: RuntimeBundle, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Node]]:
    """Put the ten machines on the market, where a silent one is given up on sooner than in life."""
    be_impatient(monkeypatch)
    make_base_template(IMAGE)
    yield [put_ready_on_market(machine, runtime=bundle.version) for machine in fleet]
    sessions.close()
    for machine in fleet[:WITH_PODS]:
        clear(machine)


@pytest.fixture
def pods(nodes: list[Node]) -> list[Pod]:
    """Rent a GPU on each machine that is ready for it."""
    alice = make_principal()
    rented = [
        renting.rent(principal=alice, request=rent_request(node), now=clock.now())
        for node in nodes[:WITH_PODS]
    ]
    in_parallel(lambda pod: provisioning.reconcile(pod_id=pod.public_id), rented)
    for pod in rented:
        pod.refresh_from_db()
        assert pod.status == PodStatus.RUNNING, (pod.status_reason, pod.last_error)
    return rented


class TestMarket:
    def test_three_pulled_cables_are_offline_and_come_back_by_themselves(
        self, fleet: list[EngineMachine], nodes: list[Node], pods: list[Pod]
    ) -> None:
        start = clock.now()
        look(nodes, pods, at=start)
        proofs = [fresh(pod).last_proof_at for pod in pods]

        with ExitStack() as cables:
            for machine in fleet[:PULLED]:
                cables.enter_context(unplugged(machine))
            sessions.close()
            for wait in LOOKS:
                early = statuses(nodes)
                look(nodes, pods, at=start + timedelta(seconds=10) + wait)
            gone = statuses(nodes)
        sessions.close()
        for late in (180, 210, 240):
            look(nodes, pods, at=start + timedelta(seconds=late))

        assert early == [NodeStatus.AVAILABLE] * COUNT
        assert gone == [NodeStatus.OFFLINE] * PULLED + [NodeStatus.AVAILABLE] * (COUNT - PULLED)
        assert statuses(nodes) == [NodeStatus.AVAILABLE] * COUNT
        assert not Alert.objects.exists()
        for node in nodes[:PULLED]:
            event = node.events.get(to_status=NodeStatus.OFFLINE)
            assert event.reason.startswith("No answer to ")
            assert start + timedelta(seconds=90) <= event.created_at <= start + timedelta(minutes=3)
        for pod, proof in zip(pods[:PULLED], proofs, strict=False):
            assert pod.events.filter(reason_code=Reason.MACHINE_SILENT).exists()
            assert pod.ready_intervals.order_by("pk")[0].ended_at == proof
        assert {fresh(pod).status for pod in pods} == {PodStatus.RUNNING}
        assert pods[-1].ready_intervals.count() == 1

    def test_our_own_network_down_moves_nothing_and_opens_one_alert(
        self, fleet: list[EngineMachine], nodes: list[Node], pods: list[Pod]
    ) -> None:
        start = clock.now()
        look(nodes, pods, at=start)
        proofs = [fresh(pod).last_proof_at for pod in pods]

        with unreachable(fleet):
            sessions.close()
            for wait in LOOKS:
                look(nodes, pods, at=start + timedelta(seconds=10) + wait)
            during = Alert.objects.get()
            held = statuses(nodes), {fresh(pod).status for pod in pods}
            resting = [fresh(pod).last_proof_at for pod in pods]
        sessions.close()
        look(nodes, pods, at=start + timedelta(minutes=30))

        assert (during.kind, during.closed_at) == (outage.OWN_NETWORK, None)
        assert held == ([NodeStatus.AVAILABLE] * COUNT, {PodStatus.RUNNING})
        assert resting == proofs
        assert not any(node.events.exists() for node in nodes)
        assert Alert.objects.get().closed_at is not None
        # What was not proven is not charged: the half hour lies between two intervals.
        for pod, proof in zip(pods, proofs, strict=True):
            assert fresh(pod).status == PodStatus.RUNNING
            assert pod.ready_intervals.order_by("pk")[0].ended_at == proof


def look(nodes: Sequence[Node], pods: Sequence[Pod], *, at: datetime) -> None:
    """Let the workers do one round: every node's heartbeat, every pod's probe, then the judgement."""
    busy = {pod.node_id for pod in pods}

    def visit(node: Node) -> None:
        heartbeat.probe(node_id=node.pk, now=at)
        if node.pk in busy:
            probing.probe(node_id=node.pk, now=lambda: at)

    in_parallel(visit, nodes)
    silence.sweep(at)
    for pod in pods:
        # A pod that answers again is proven under its own lease.
        if fresh(pod).status == PodStatus.UNREACHABLE:
            probing.probe(node_id=pod.node_id, now=lambda: at)
            if Node.objects.get(pk=pod.node_id).missing_since is None:
                provisioning.reconcile(pod_id=pod.public_id)


def in_parallel(work: Callable[[Item], object], items: Sequence[Item]) -> None:
    """Work on all at once, each with a database connection of its own."""

    def task(item: Item) -> None:
        try:
            work(item)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(items)) as pool:
        list(pool.map(task, items))


def prepare(machine: EngineMachine, bundle: RuntimeBundle) -> None:
    """Make a machine ready for pods of an image without a single file."""
    empty = subprocess.run(["tar", "-c", "-T", "/dev/null"], check=True, capture_output=True)
    argv = ["docker", "-H", machine.socket, "import", "--change", 'CMD ["sleep"]', "-", IMAGE]
    subprocess.run([*machine.sshd.command, *argv], input=empty.stdout, check=True)
    with connect(machine.address) as there:
        prepare_node(
            there,
            market_id=settings.MARKET_INSTANCE,
            directory=machine.directory,
            bundle=bundle,
            base_image=BaseImage(name=IMAGE, architecture="", archive=Path("/dev/null")),
            published_ports=(40000, 40999),
            simulated_gpus=gpus_tsv(count=GPU_COUNT, seed=SEED),
        )


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what is waited for a silent machine; a loaded computer still answers within it."""
    monkeypatch.setattr(terms, "CONNECT_SECONDS", 4.0)
    monkeypatch.setattr(heartbeat, "PROBE_SECONDS", 4.0)


def clear(machine: EngineMachine) -> None:
    """Leave a machine without a container."""
    if names := machine.docker("ps", "--all", "--quiet").split():
        machine.docker("rm", "--force", "--volumes", *names)


def statuses(nodes: Sequence[Node]) -> list[str]:
    """Read where the nodes stand, in their order."""
    ids = [node.pk for node in nodes]
    return list(Node.objects.filter(pk__in=ids).order_by("pk").values_list("status", flat=True))


def fresh(pod: Pod) -> Pod:
    """Read a pod anew."""
    return Pod.objects.get(pk=pod.pk)
