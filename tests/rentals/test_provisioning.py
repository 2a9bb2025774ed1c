"""Pods on a real machine: proven starts, failures with their reason, crashes between any two steps."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from accounts.principal import Principal
from billing import ledger
from core import clock
from core.actors import PLATFORM
from core.leases import held
from marketplace.machine import OutcomeUnknown, generate_keypair
from marketplace.models import HandOver, Node, PortReservation, UsageFact
from rentals import faults, selectors, terms
from rentals.models import Phase, Pod, PodStatus, Template
from rentals.reasons import Reason
from rentals.services import lifecycle, provisioning, renting, sweeping, turns
from tests.factories.pods import meter_of
from tests.factories.rentals import container, make_principal, rent_request
from tests.machines import EngineMachine

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture
def alice(market_node: Node) -> Principal:
    return make_principal()


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    yield
    faults.disarm()


class Crash(BaseException):
    """The process ends here."""


def crash() -> None:
    raise Crash


def rented(alice: Principal, node: Node, **fields: object) -> Pod:
    return renting.rent(principal=alice, request=rent_request(node, **fields), now=clock.now())


def reconciled(pod: Pod, *, now: Callable[[], datetime] = clock.now) -> Pod:
    provisioning.reconcile(pod_id=pod.public_id, now=now)
    pod.refresh_from_db()
    return pod


def until_ssh(pod: Pod) -> str:
    """Work on a start until its container runs; a busy engine needs more than one turn for it."""
    for _ in range(10):
        if reconciled(pod).phase == Phase.SSH:
            break
    return pod.phase


def running(alice: Principal, node: Node, **fields: object) -> Pod:
    pod = reconciled(rented(alice, node, **fields))
    assert pod.status == PodStatus.RUNNING, (pod.status_reason, pod.last_error)
    return pod


def removed(pod: Pod, alice: Principal) -> Pod:
    lifecycle.remove(principal=alice, pod_id=pod.public_id, now=clock.now())
    return reconciled(pod)


def everything_is_free(node: Node) -> bool:
    node.refresh_from_db()
    return node.free_gpu_count == node.gpu_count and not PortReservation.objects.exists()


def containers(machine: EngineMachine) -> list[str]:
    return machine.docker("ps", "--all", "--format", "{{.Names}}").split()


def lose_sight(node: Node) -> None:
    """Let the machine be out of reach."""
    Node.objects.filter(pk=node.pk).update(ssh_port=1)


def lose_answer(node: Node) -> None:
    """Let the machine be out of reach before the command's result is here."""
    lose_sight(node)
    raise OutcomeUnknown(where="the machine", command="docker run", why="The connection was lost")


@contextmanager
def deaf(machine: EngineMachine, pod: Pod) -> Iterator[None]:
    """Drop whatever comes to the pod's SSH port."""
    port = pod.ports.get(internal=22).external
    rule = ["PREROUTING", "-p", "tcp", "--dport", str(port), "-j", "DROP"]
    machine.run("iptables", "-w", "-t", "raw", "-I", *rule)
    try:
        yield
    finally:
        machine.run("iptables", "-w", "-t", "raw", "-D", *rule)


class TestStart:
    def test_runs_only_on_the_evidence_that_it_writes_down(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node, gpu_count=2)

        interval = pod.ready_intervals.get()
        event = pod.events.get(to_status="running")
        assert interval.started_by == event.detail
        assert "SSH-2.0-OpenSSH" in event.detail
        assert all(uuid in event.detail for uuid in pod.gpu_uuids)
        assert interval.started_at == pod.ready_at == pod.last_proof_at
        assert meter_of(pod).ready_since == pod.ready_at
        assert containers(pod_machine) == [container(pod.public_id)]
        assert set(pod.phase_seconds) >= {Phase.RESERVED, Phase.CONTAINER}
        assert HandOver.objects.get().direction == HandOver.Direction.TO_RENTER
        market_node.refresh_from_db()
        assert market_node.starts_proven == 1

    def test_the_renter_gets_in_with_the_key_and_sees_the_host_key_that_was_told(
        self, alice: Principal, market_node: Node, tmp_path: Path
    ) -> None:
        private, public = generate_keypair()
        pod = running(alice, market_node, public_keys=(public,), gpu_count=2)

        (tmp_path / "key").touch(mode=0o600)
        (tmp_path / "key").write_text(private)
        port = pod.ports.get(internal=22).external
        host = market_node.public_host
        (tmp_path / "known").write_text(f"[{host}]:{port} {pod.host_public_key}\n")
        argv = ["ssh", "-i", str(tmp_path / "key"), "-p", str(port), "-o", "BatchMode=yes"]
        argv += [
            "-o",
            f"UserKnownHostsFile={tmp_path / 'known'}",
            "-o",
            "StrictHostKeyChecking=yes",
        ]
        seen = subprocess.run(
            [*argv, f"root@{host}", "nvidia-smi -L"], capture_output=True, text=True, check=True
        )
        assert seen.stdout.count("UUID: GPU-") == 2

    def test_a_repeat_adopts_what_is_there(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node)

        for _ in range(2):
            reconciled(pod)

        assert pod.status == PodStatus.RUNNING
        assert len(containers(pod_machine)) == 1
        assert pod.ready_intervals.count() == 1

    def test_somebody_elses_lease_is_respected(self, alice: Principal, market_node: Node) -> None:
        pod = rented(alice, market_node)

        with held(Pod.objects.all(), pk=pod.pk):
            reconciled(pod)

        assert pod.status == PodStatus.PENDING


class TestFailedStart:
    def test_a_missing_image_costs_nothing_and_spares_the_node(
        self, alice: Principal, market_node: Node
    ) -> None:
        pod = rented(alice, market_node, image="127.0.0.1:9/no/such:image")

        reconciled(pod)

        assert pod.status == PodStatus.FAILED
        assert pod.status_reason_code == Reason.IMAGE_UNAVAILABLE
        assert pod.receipt.charged_usd == 0
        assert everything_is_free(market_node)
        assert market_node.starts_failed == 0
        assert pod.events.get(to_status="failed").error

    def test_a_program_that_ends_at_once_is_told_with_its_status(
        self, alice: Principal, market_node: Node, base: Template, pod_machine: EngineMachine
    ) -> None:
        pod = rented(alice, market_node)
        faults.arm(
            "rent.container_started",
            lambda: pod_machine.docker("kill", container(pod.public_id)) and None,
        )

        reconciled(pod)
        faults.disarm()

        assert pod.status == PodStatus.FAILED, pod.status_reason
        assert pod.status_reason_code == Reason.PROGRAM_ENDED
        assert containers(pod_machine) == []

    def test_a_port_in_use_counts_against_the_node(
        self, alice: Principal, market_node: Node, base: Template, pod_machine: EngineMachine
    ) -> None:
        pod = rented(alice, market_node)
        port = pod.ports.get(internal=22).external
        pod_machine.docker(
            "run",
            "-d",
            "-p",
            f"{market_node.bind_address}:{port}:22",
            base.image_reference,
            "sleep",
            "60",
        )

        reconciled(pod)

        assert (pod.status, pod.status_reason_code) == (PodStatus.FAILED, Reason.PORT_TAKEN)
        assert everything_is_free(market_node)
        assert market_node.starts_failed == 1

    def test_a_machine_that_stays_silent_ends_the_start_at_its_deadline(
        self, alice: Principal, market_node: Node
    ) -> None:
        Node.objects.update(ssh_port=1)
        pod = rented(alice, market_node)

        reconciled(pod)
        assert (pod.status, pod.attempt) == (PodStatus.PENDING, 1)
        assert "Cannot reach" in pod.last_error
        later = clock.now() + timedelta(minutes=3)
        reconciled(pod, now=lambda: later)

        assert pod.status == PodStatus.FAILED
        assert pod.status_reason_code == Reason.MACHINE_UNREACHABLE
        assert everything_is_free(market_node)

    def test_a_pod_whose_ssh_never_answers_fails_at_the_deadline_that_was_set_once(
        self,
        alice: Principal,
        market_node: Node,
        pod_machine: EngineMachine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("rentals.terms.WORK_SECONDS", 3.0)
        monkeypatch.setattr("rentals.terms.BANNER_SECONDS", 1.0)
        pod = rented(alice, market_node)

        with deaf(pod_machine, pod):
            entered = until_ssh(pod)
            first = pod.deadline_at
            second = reconciled(pod).deadline_at
            waiting = pod.status
            stuck = selectors.stuck_pods(now=clock.now() + timedelta(minutes=2)).get()
            later = clock.now() + timedelta(minutes=2)
            reconciled(pod, now=lambda: later)

        assert entered == Phase.SSH
        assert first == second
        assert (waiting, stuck) == (PodStatus.PENDING, pod)
        assert (pod.status, pod.status_reason_code) == (PodStatus.FAILED, Reason.SSH_TOO_LATE)
        reconciled(pod)
        assert containers(pod_machine) == []
        assert everything_is_free(market_node)

    def test_one_whose_container_may_run_holds_its_gpus_until_the_machine_shows_that_none_does(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = rented(alice, market_node)
        faults.arm("rent.container_started", lambda: lose_answer(market_node))
        reconciled(pod)
        faults.disarm()
        later = clock.now() + timedelta(minutes=5)

        reconciled(pod, now=lambda: later)
        failed, free = pod.status, everything_is_free(market_node)
        running = containers(pod_machine)
        Node.objects.update(ssh_port=22)
        reconciled(pod, now=lambda: later)

        assert (failed, free) == (PodStatus.FAILED, False)
        assert running == [container(pod.public_id)]
        assert pod.status == PodStatus.FAILED
        assert containers(pod_machine) == []
        assert everything_is_free(market_node)
        assert pod.events.get(sub_type="pod-lifecycle.given_back")
        assert market_node.starts_failed == 1

    def test_a_failed_start_leaves_the_listing_after_a_while(
        self, alice: Principal, market_node: Node
    ) -> None:
        pod = reconciled(rented(alice, market_node, image="127.0.0.1:9/no/such:image"))
        assert pod in Pod.objects.listed()

        later = clock.now() + timedelta(minutes=6)
        reconciled(pod, now=lambda: later)

        assert pod.status == PodStatus.REMOVED


class TestTurns:
    def test_a_start_that_may_not_pull_yet_leaves_its_thread_and_is_rung_for(
        self, alice: Principal, market_node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rung: list[Pod] = []
        pod = rented(alice, market_node, image="127.0.0.1:9/no/such:image")
        monkeypatch.setattr("rentals.dispatch.reconcile", rung.append)

        with ExitStack() as pulls:
            for n in range(turns.LONG_PER_OWNER):
                pulls.enter_context(turns.pulling(Pod(pk=-n, workspace=pod.workspace)))
            reconciled(pod)
            waits = (pod.status, pod.phase, pod.lease_token)

            later = clock.now() + terms.PHASE_DEADLINES[Phase.IMAGE] - timedelta(minutes=1)
            reconciled(pod, now=lambda: later)
            much_later = later + timedelta(minutes=10)
            reconciled(pod, now=lambda: much_later)

        assert waits == (PodStatus.PENDING, Phase.IMAGE, None)
        assert rung[0] == pod
        assert pod.status == PodStatus.PENDING, "the wait for a turn is not the image's"
        assert reconciled(pod).status_reason_code == Reason.IMAGE_UNAVAILABLE


class TestGivenUp:
    """What is not charged does not compute, and holds no GPUs once that is shown."""

    def test_a_reboot_that_fails_stops_the_container_and_keeps_its_files_for_the_grace(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node)
        lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=clock.now())
        Pod.objects.update(gpu_uuids=["GPU-00000000-0000-4000-8000-000000000000"])

        reconciled(pod)
        failed, reason = pod.status, pod.status_reason_code
        market_node.refresh_from_db()
        runs = pod_machine.docker("inspect", "-f", "{{.State.Running}}", container(pod.public_id))
        later = clock.now() + settings.MARKET_DATA_GRACE
        reconciled(pod, now=lambda: later)

        assert (failed, reason) == (PodStatus.REBOOT_FAILED, Reason.GPUS_UNAVAILABLE)
        assert (runs, market_node.free_gpu_count) == ("false", market_node.gpu_count)
        assert pod.status == PodStatus.REMOVED
        assert containers(pod_machine) == []

    def test_a_reboot_that_failed_can_be_done_again(
        self, alice: Principal, market_node: Node
    ) -> None:
        pod = running(alice, market_node)
        sold = pod.gpu_uuids
        lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=clock.now())
        Pod.objects.update(gpu_uuids=["GPU-00000000-0000-4000-8000-000000000000"])
        assert reconciled(pod).status == PodStatus.REBOOT_FAILED

        Pod.objects.update(gpu_uuids=sold)
        lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=clock.now())

        assert reconciled(pod).status == PodStatus.RUNNING

    def test_a_start_that_the_machine_never_answered_holds_its_gpus_until_it_does(
        self, alice: Principal, market_node: Node
    ) -> None:
        pod = running(alice, market_node)
        lifecycle.stop(principal=alice, pod_id=pod.public_id, now=clock.now())
        reconciled(pod)
        lifecycle.start(principal=alice, pod_id=pod.public_id, now=clock.now())
        lose_sight(market_node)
        later = clock.now() + timedelta(minutes=6)

        reconciled(pod, now=lambda: later)
        overdue, free = pod.status, everything_is_free(market_node)
        Node.objects.update(ssh_port=22)
        reconciled(pod)
        market_node.refresh_from_db()

        assert (overdue, free) == (PodStatus.STOPPING, False)
        assert (pod.status, pod.status_reason_code) == (
            PodStatus.STOPPED,
            Reason.MACHINE_UNREACHABLE,
        )
        assert market_node.free_gpu_count == market_node.gpu_count


class TestWishes:
    def test_remove_ends_on_evidence_with_a_receipt_to_the_second(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node)
        time.sleep(1)

        removed(pod, alice)

        assert pod.status == PodStatus.REMOVED
        assert containers(pod_machine) == []
        assert everything_is_free(market_node)
        interval = pod.ready_intervals.get()
        assert interval.ended_at == pod.events.get(to_status="removing").occurred_at
        assert pod.receipt.charged_usd == meter_of(pod).posted_usd > 0
        assert set(ledger.trial_balance().values()) == {Decimal(0)}
        assert UsageFact.objects.get().charged_usd == pod.receipt.charged_usd

    def test_removing_a_start_that_never_asked_for_a_container_needs_no_machine(
        self, alice: Principal, market_node: Node
    ) -> None:
        lose_sight(market_node)
        pod = reconciled(rented(alice, market_node))

        removed(pod, alice)

        assert pod.status == PodStatus.REMOVED
        assert everything_is_free(market_node)

    def test_removing_waits_for_a_silent_machine_and_charges_nothing_meanwhile(
        self, alice: Principal, market_node: Node
    ) -> None:
        pod = running(alice, market_node)
        Node.objects.update(ssh_port=1)

        removed(pod, alice)
        market_node.refresh_from_db()
        held_meanwhile = market_node.gpu_count - market_node.free_gpu_count
        charged = meter_of(pod).posted_usd
        Node.objects.update(ssh_port=22)
        reconciled(pod)

        assert held_meanwhile == 1
        assert pod.status == PodStatus.REMOVED
        assert meter_of(pod).posted_usd == charged

    def test_stop_keeps_the_files_and_start_brings_them_back(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node)
        name = container(pod.public_id)
        pod_machine.docker("exec", name, "touch", "/root/kept")

        lifecycle.stop(principal=alice, pod_id=pod.public_id, now=clock.now())
        reconciled(pod)
        stopped, charged = pod.status, meter_of(pod).posted_usd
        market_node.refresh_from_db()
        free = market_node.free_gpu_count
        lifecycle.start(principal=alice, pod_id=pod.public_id, now=clock.now())
        reconciled(pod)

        assert (stopped, free) == (PodStatus.STOPPED, market_node.gpu_count)
        assert pod.status == PodStatus.RUNNING, pod.status_reason
        assert meter_of(pod).posted_usd == charged
        assert pod.ready_intervals.count() == 2
        pod_machine.docker("exec", name, "test", "-e", "/root/kept")

    def test_reboot_keeps_files_and_host_key_and_charges_no_gap(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node)
        before = pod.container_started_at

        lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=clock.now())
        reconciled(pod)

        assert pod.status == PodStatus.RUNNING, pod.status_reason
        assert pod.container_started_at != before
        first, second = pod.ready_intervals.order_by("pk")
        assert first.ended_at is not None
        assert first.ended_at < second.started_at

    def test_a_wish_during_a_start_is_obeyed_when_the_step_has_ended(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = rented(alice, market_node)
        faults.arm(
            "rent.container_started",
            lambda: (
                lifecycle.remove_as(
                    pod_id=pod.public_id,
                    reason=Reason.REMOVED_BY_RENTER,
                    actor=PLATFORM,
                    now=clock.now(),
                )
                and None
            ),
        )

        reconciled(pod)

        assert pod.status == PodStatus.REMOVED
        assert containers(pod_machine) == []
        assert everything_is_free(market_node)
        assert pod.receipt.charged_usd == 0

    def test_a_scheduled_end_comes_without_anybody_asking(
        self, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node, termination_hours=1)

        later = clock.now() + timedelta(hours=1, seconds=1)
        reconciled(pod, now=lambda: later)

        assert pod.status == PodStatus.REMOVED
        assert pod.events.get(to_status="removing").reason == Reason.REMOVED_ON_SCHEDULE.words
        assert containers(pod_machine) == []


STARTS = ("rent.claimed", "rent.container_started", "rent.proven", "rent.running")
ENDS = ("remove.intended", "remove.container_gone", "remove.settled", "remove.freed")


class TestCrashes:
    """A worker may end between any two steps; the next one goes on where it was."""

    @pytest.mark.parametrize("point", STARTS)
    def test_a_start_resumes(
        self, point: str, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = rented(alice, market_node)
        faults.arm(point, crash)

        with pytest.raises(Crash):
            provisioning.reconcile(pod_id=pod.public_id)
        faults.disarm()
        charged_before_running = pod.status != PodStatus.RUNNING and meter_of(pod).posted_usd
        reconciled(pod)

        assert not charged_before_running
        assert pod.status == PodStatus.RUNNING, pod.status_reason
        assert containers(pod_machine) == [container(pod.public_id)]
        assert pod.ready_intervals.count() == 1

    @pytest.mark.parametrize("point", ENDS)
    def test_an_end_resumes(
        self, point: str, alice: Principal, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod = running(alice, market_node)
        faults.arm(point, crash)

        with pytest.raises(Crash):
            removed(pod, alice)
        faults.disarm()
        removed(pod, alice)

        assert pod.status == PodStatus.REMOVED
        assert containers(pod_machine) == []
        assert everything_is_free(market_node)
        assert pod.receipt.charged_usd == meter_of(pod).posted_usd
        assert set(ledger.trial_balance().values()) == {Decimal(0)}

    def test_a_rent_that_was_written_is_found_by_the_sweep(
        self,
        alice: Principal,
        market_node: Node,
        pod_machine: EngineMachine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        faults.arm("rent.committed", crash)
        with pytest.raises(Crash):
            rented(alice, market_node)
        faults.disarm()
        rung: list[Pod] = []
        monkeypatch.setattr("rentals.dispatch.reconcile", rung.append)

        sweeping.sweep(now=clock.now())

        pod = reconciled(rung.pop())
        assert pod.status == PodStatus.RUNNING, pod.last_error
        assert containers(pod_machine) == [container(pod.public_id)]

    @pytest.mark.parametrize("point", ["rent.locked", "rent.inserted"])
    def test_a_rent_that_dies_leaves_nothing(
        self, point: str, alice: Principal, market_node: Node
    ) -> None:
        faults.arm(point, crash)

        with pytest.raises(Crash):
            rented(alice, market_node)

        assert not Pod.objects.exists()
        assert everything_is_free(market_node)
