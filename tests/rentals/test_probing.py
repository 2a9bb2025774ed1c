"""Running pods are looked after: what died is found, what is silent is left alone, what is ours alone is removed."""

import os
import signal
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings

from accounts.principal import Principal
from core import clock
from core.actors import PLATFORM
from marketplace.models import Alert, Node, PortReservation
from rentals import terms, transitions
from rentals.engine import Boot
from rentals.models import NodeWatch, Pod, PodStatus, Template
from rentals.reasons import Reason
from rentals.services import (
    lifecycle,
    metering,
    probing,
    provisioning,
    renting,
    silences,
    sweeping,
)
from rentals.services.silences import RanUnproven
from tests.factories.pods import meter_of
from tests.factories.rentals import container, make_node, make_principal, rent_request
from tests.machines import EngineMachine
from tests.rentals.engine.pods import FORGED

FAR_AHEAD = clock.now() + timedelta(hours=1)
pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture
def alice() -> Principal:
    return make_principal()


@pytest.fixture
def pod(alice: Principal, market_node: Node) -> Pod:
    rented = renting.rent(principal=alice, request=rent_request(market_node), now=clock.now())
    provisioning.reconcile(pod_id=rented.public_id)
    rented.refresh_from_db()
    assert rented.status == PodStatus.RUNNING, rented.last_error
    return rented


def probed(pod: Pod, *, after: timedelta = timedelta(), times: int = 1) -> Pod:
    moment = clock.now() + after
    for _ in range(times):
        probing.probe(node_id=pod.node_id, now=lambda: moment)
    pod.refresh_from_db()
    return pod


def reconciled(pod: Pod, *, after: timedelta = timedelta()) -> Pod:
    moment = clock.now() + after
    provisioning.reconcile(pod_id=pod.public_id, now=lambda: moment)
    pod.refresh_from_db()
    return pod


def cut_off(node: Node) -> None:
    Node.objects.filter(pk=node.pk).update(ssh_port=1)


def back(node: Node) -> None:
    Node.objects.filter(pk=node.pk).update(ssh_port=22)


def silent_machines(count: int) -> list[int]:
    """Make other machines of the market that fell silent just now."""
    moment = clock.now()
    return [make_node(gpu_count=1, missed_probes=1, missing_since=moment).pk for _ in range(count)]


class TestGoodProbe:
    def test_moves_the_proof_on_and_the_charge_with_it(self, pod: Pod) -> None:
        probed(pod, after=timedelta(minutes=1))

        metering.tick(now=clock.now() + timedelta(minutes=5))

        assert pod.last_proof_at is not None
        assert pod.ready_at is not None
        assert pod.last_proof_at - pod.ready_at >= timedelta(minutes=1)
        seconds = Decimal(str((pod.last_proof_at - pod.ready_at).total_seconds()))
        assert meter_of(pod).posted_usd == pytest.approx(2 * seconds / 3600, abs=Decimal("1e-8"))

    def test_proves_the_moment_at_which_the_machine_was_asked(
        self, pod: Pod, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked_at = clock.now() + timedelta(minutes=1)
        moments = [asked_at]

        def slow(pod: Pod) -> str | None:
            moments.append(asked_at + timedelta(seconds=20))
            return banner_of(pod)

        banner_of = probing._banner
        monkeypatch.setattr(probing, "_banner", slow)
        probing.probe(node_id=pod.node_id, now=lambda: moments[-1])

        pod.refresh_from_db()
        assert pod.last_proof_at == asked_at

    def test_comes_soon_after_a_pod_is_ready(self, pod: Pod) -> None:
        watch = NodeWatch.objects.get(node=pod.node)

        assert watch.next_look_at <= clock.now() + terms.PROBE_INTERVAL

    def test_adopts_a_pod_that_ran_on_while_the_market_was_down(self, pod: Pod) -> None:
        probed(pod, after=timedelta(hours=2))

        metering.tick(now=clock.now() + timedelta(hours=2))

        assert pod.status == PodStatus.RUNNING
        assert pod.ready_intervals.count() == 2
        assert meter_of(pod).posted_usd < Decimal("0.02")

    def test_tells_the_market_that_the_machine_answered_and_which_run_of_it(
        self, pod: Pod, market_node: Node
    ) -> None:
        probed(pod)

        market_node.refresh_from_db()
        assert market_node.last_seen_at is not None
        assert len(market_node.boot_id) == 36

    def test_after_a_doubt_leaves_it_to_a_whole_proof(self, pod: Pod) -> None:
        proof = pod.last_proof_at
        Pod.objects.update(attempt=2, last_error="was silent")

        probed(pod)
        doubted = (pod.attempt, pod.last_proof_at)
        reconciled(pod)

        assert doubted == (2, proof), "a node's probe sees neither host key nor GPUs"
        assert (pod.attempt, pod.last_error) == (0, "")
        assert pod.last_proof_at > proof


class TestSilence:
    def test_moves_nothing_at_first_and_the_meter_rests_at_the_last_proof(
        self, pod: Pod, market_node: Node
    ) -> None:
        proof = pod.last_proof_at
        cut_off(market_node)

        probed(pod, times=terms.SILENT_LOOKS - 1)
        doubted = pod.status
        probed(pod)

        assert doubted == PodStatus.RUNNING
        assert (pod.status, pod.status_reason_code) == (
            PodStatus.UNREACHABLE,
            Reason.MACHINE_SILENT,
        )
        assert pod.ready_intervals.get().ended_at == proof

    def test_kills_nothing_and_the_pod_comes_back_on_proof(
        self, pod: Pod, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        cut_off(market_node)
        probed(pod, times=terms.SILENT_LOOKS)
        back(market_node)

        probed(pod)
        reconciled(pod)

        assert pod.status == PodStatus.RUNNING
        assert pod.status_reason_code == Reason.RECOVERED
        assert pod.ready_intervals.count() == 2
        started = pod_machine.docker("inspect", "-f", "{{.RestartCount}}", container(pod.public_id))
        assert started == "0"

    def test_past_the_deadline_is_a_loss_and_what_still_runs_is_stopped_with_its_data(
        self, pod: Pod, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        cut_off(market_node)
        probed(pod, times=terms.SILENT_LOOKS)
        probed(pod, after=timedelta(hours=1))
        lost = pod.status
        back(market_node)

        reconciled(pod)

        assert lost == PodStatus.LOST
        assert pod.status_reason_code == Reason.LOST_MACHINE
        state = pod_machine.docker("inspect", "-f", "{{.State.Running}}", container(pod.public_id))
        assert state == "false"
        market_node.refresh_from_db()
        assert market_node.free_gpu_count == market_node.gpu_count
        assert PortReservation.objects.filter(holder=pod.public_id).exists()

    def test_of_an_engine_is_told_apart_from_that_of_a_machine(
        self, pod: Pod, pod_machine: EngineMachine
    ) -> None:
        pid = int(
            pod_machine.run("pgrep", "-f", "--", f"--host {pod_machine.socket}").stdout.split()[0]
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            probed(pod)
        finally:
            os.kill(pid, signal.SIGCONT)

        assert (pod.status, pod.attempt) == (PodStatus.RUNNING, 1)
        assert pod.last_error == Reason.ENGINE_SILENT.words


class TestDeath:
    def test_of_the_container_is_answered_by_a_start_of_the_same(
        self, pod: Pod, pod_machine: EngineMachine
    ) -> None:
        proof = pod.last_proof_at
        pod_machine.docker("exec", container(pod.public_id), "touch", "/root/kept")
        pod_machine.docker("kill", container(pod.public_id))

        probed(pod)
        found = pod.status
        reconciled(pod)

        assert found == PodStatus.REBOOTING
        assert pod.events.get(to_status="rebooting").reason == Reason.CONTAINER_EXITED.words
        assert pod.status == PodStatus.RUNNING
        assert pod.ready_intervals.order_by("pk")[0].ended_at == proof
        pod_machine.docker("exec", container(pod.public_id), "test", "-e", "/root/kept")

    def test_of_the_machine_is_told_apart_from_that_of_the_container(
        self, pod: Pod, pod_machine: EngineMachine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pod_machine.docker("kill", container(pod.public_id))
        monkeypatch.setattr("rentals.engine.boot", lambda _: Boot("another", clock.now()))

        probed(pod)

        assert (pod.status, pod.status_reason_code) == (
            PodStatus.REBOOTING,
            Reason.MACHINE_REBOOTED,
        )

    def test_by_removal_is_a_loss_that_frees_everything_at_once(
        self, pod: Pod, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        pod_machine.docker("rm", "--force", container(pod.public_id))

        probed(pod)

        assert (pod.status, pod.status_reason_code) == (PodStatus.LOST, Reason.LOST_CONTAINER)
        market_node.refresh_from_db()
        assert market_node.free_gpu_count == market_node.gpu_count

    def test_of_sshd_alone_stops_the_meter_but_not_the_pod(
        self, pod: Pod, pod_machine: EngineMachine
    ) -> None:
        port = pod.ports.get(internal=22).external
        nat = ["-t", "raw", "-I", "PREROUTING", "-p", "tcp", "--dport", str(port), "-j", "DROP"]
        pod_machine.run("iptables", "-w", *nat)
        try:
            probed(pod, times=terms.SILENT_LOOKS)
        finally:
            pod_machine.run("iptables", "-w", *["-D" if word == "-I" else word for word in nat])

        assert (pod.status, pod.status_reason_code) == (PodStatus.UNREACHABLE, Reason.SSH_SILENT)
        assert meter_of(pod).ready_since is None

    def test_of_its_own_sshd_buys_a_renter_minutes_and_not_hours(
        self, alice: Principal, pod: Pod, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        minutes = settings.MARKET_SSH_SILENCE
        silence(pod, pod_machine)

        probed(pod, times=terms.SILENT_LOOKS)
        assert (pod.status, pod.status_reason_code) == (PodStatus.UNREACHABLE, Reason.SSH_SILENT)
        probed(pod, after=minutes - timedelta(minutes=1))
        assert pod.status == PodStatus.UNREACHABLE
        probed(pod, after=minutes)
        assert (pod.status, pod.status_reason_code) == (PodStatus.STOPPING, Reason.STOPPED_SILENT)

        reconciled(pod)
        market_node.refresh_from_db()
        assert (pod.status, pod.status_reason_code) == (PodStatus.STOPPED, Reason.STOPPED_SILENT)
        assert market_node.free_gpu_count == market_node.gpu_count

        with pytest.raises(RanUnproven, match="can be started again at"):
            lifecycle.start(principal=alice, pod_id=pod.public_id, now=clock.now() + minutes)
        rested = minutes + silences.PAUSE + timedelta(minutes=1)
        lifecycle.start(principal=alice, pod_id=pod.public_id, now=clock.now() + rested)
        assert reconciled(pod, after=rested).status == PodStatus.RUNNING
        silence(pod, pod_machine)
        probed(pod, after=rested + minutes, times=terms.SILENT_LOOKS + 1)
        assert pod.status == PodStatus.STOPPING, "the minutes of a day are used up"

    def test_of_its_own_sshd_behind_a_silent_machine_is_told_once_and_counts(
        self, pod: Pod, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        minutes = settings.MARKET_SSH_SILENCE
        cut_off(market_node)
        probed(pod, times=terms.SILENT_LOOKS)
        lost_sight_at = pod.status_since
        silence(pod, pod_machine)
        assert not lifecycle.may_reboot(pod)

        back(market_node)
        probed(pod, times=2)
        assert pod.status_reason == Reason.SSH_SILENT.words
        assert lifecycle.may_reboot(pod)
        cut_off(market_node)
        probed(pod, after=timedelta(minutes=1), times=2)
        assert pod.status_reason == Reason.MACHINE_SILENT.words
        back(market_node)
        probed(pod, after=minutes)
        assert (pod.status, pod.status_since) == (PodStatus.UNREACHABLE, lost_sight_at)
        told = pod.events.filter(sub_type=transitions.EXPLAINED).order_by("pk")
        assert list(told.values_list("reason_code", flat=True)) == [
            Reason.SSH_SILENT,
            Reason.MACHINE_SILENT,
            Reason.SSH_SILENT,
        ]

        probed(pod, after=2 * minutes)
        assert (pod.status, pod.status_reason_code) == (PodStatus.STOPPING, Reason.STOPPED_SILENT)

    def test_of_its_own_nvidia_smi_is_no_longer_charged_and_ends_as_soon_whatever_that_says(
        self, pod: Pod, pod_machine: EngineMachine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        minutes = settings.MARKET_SSH_SILENCE
        proof = pod.last_proof_at
        monkeypatch.setattr("rentals.engine.observe.NVIDIA_SMI", "/root/mine")

        for said in FORGED:
            script = f"echo 'echo \"{said}\" >&2; exit 1' >/root/mine"
            pod_machine.docker("exec", container(pod.public_id), "sh", "-c", script)
            reconciled(pod)
            probed(pod)
        assert (pod.status, pod.status_reason_code) == (
            PodStatus.UNREACHABLE,
            Reason.GPUS_MISSING,
        )
        assert pod.ready_intervals.get().ended_at == proof
        assert reconciled(pod, after=minutes).status_reason_code == Reason.STOPPED_SILENT


def silence(pod: Pod, machine: EngineMachine) -> None:
    """Do what a renter could: freeze the SSH server that the pod's init would start again."""
    machine.docker("exec", container(pod.public_id), "pkill", "-STOP", "-f", "sshd_config")


def stray_container(machine: EngineMachine, base: Template) -> str:
    """Run a container that bears our labels and has no row; give its name."""
    stray = uuid4()
    labels = [f"io.lium.market={settings.MARKET_INSTANCE}", f"io.lium.pod={stray}"]
    flags = [word for label in labels for word in ("--label", label)]
    machine.docker(
        "run",
        "-d",
        "--init",
        "--name",
        container(stray),
        *flags,
        base.image_reference,
        "sleep",
        "60",
    )
    return container(stray)


def states(machine: EngineMachine) -> dict[str, str]:
    """Give the state of each container by its name."""
    lines = machine.docker("ps", "--all", "--format", "{{.Names}} {{.State}}").splitlines()
    return dict(line.split() for line in lines)


class TestOrphans:
    def test_a_container_without_a_row_is_stopped_first_and_removed_after_the_grace(
        self, pod: Pod, base: Template, pod_machine: EngineMachine
    ) -> None:
        stray = stray_container(pod_machine, base)
        pod_machine.docker("run", "-d", "--name", "somebodys", base.image_reference, "sleep", "60")

        probed(pod)
        stopped = states(pod_machine)
        probed(pod, after=settings.MARKET_DATA_GRACE + timedelta(minutes=1))

        mine = {container(pod.public_id): "running", "somebodys": "running"}
        assert stopped == {**mine, stray: "exited"}
        assert states(pod_machine) == mine
        assert not Alert.objects.exists()

    def test_many_without_a_row_are_left_alone_and_operators_are_told(
        self, pod: Pod, base: Template, pod_machine: EngineMachine, market_node: Node
    ) -> None:
        stray = stray_container(pod_machine, base)
        elsewhere = NodeWatch.objects.create(
            node=make_node(),
            next_look_at=FAR_AHEAD,
            answered_at=clock.now(),
            unknown_containers=settings.MARKET_MOST_UNKNOWN,
        )

        probed(pod)
        left = states(pod_machine)[stray]
        alert = Alert.objects.get(closed_at=None)
        NodeWatch.objects.filter(pk=elsewhere.pk).update(unknown_containers=0)
        probed(pod)

        assert left == "running"
        assert alert.detail.startswith("4 containers bear the label of this market (test)")
        assert NodeWatch.objects.get(node=market_node).unknown_containers == 1
        assert states(pod_machine)[stray] == "exited"
        assert not Alert.objects.filter(closed_at=None).exists()

    def test_a_container_whose_pod_has_ended_is_removed_at_once(
        self, pod: Pod, pod_machine: EngineMachine
    ) -> None:
        Pod.objects.update(status=PodStatus.REMOVED)

        probed(pod)

        assert states(pod_machine) == {}

    def test_a_stopped_pod_that_runs_all_the_same_is_stopped_again(
        self, pod: Pod, pod_machine: EngineMachine
    ) -> None:
        lifecycle.stop_as(
            pod_id=pod.public_id,
            reason=Reason.STOPPED_LOW_BALANCE,
            actor=PLATFORM,
            now=clock.now(),
        )
        reconciled(pod)
        pod_machine.docker("start", container(pod.public_id))

        probed(pod)

        state = pod_machine.docker("inspect", "-f", "{{.State.Running}}", container(pod.public_id))
        assert (pod.status, state) == (PodStatus.STOPPED, "false")


class TestGuards:
    def test_a_pod_whose_lease_is_held_is_left_to_its_holder(self, pod: Pod) -> None:
        Pod.objects.update(lease_token=uuid4(), lease_until=clock.now() + terms.LEASE)
        before = pod.last_proof_at

        probed(pod, after=timedelta(minutes=1))

        assert pod.last_proof_at == before

    def test_two_probes_of_a_node_never_overlap(self, pod: Pod) -> None:
        NodeWatch.objects.update(lease_token=uuid4(), lease_until=clock.now() + terms.LEASE)
        before = pod.last_proof_at

        probed(pod)

        assert pod.last_proof_at == before

    def test_many_silent_nodes_at_once_move_nothing(self, pod: Pod, market_node: Node) -> None:
        others = silent_machines(3)
        cut_off(market_node)
        probed(pod, times=terms.SILENT_LOOKS + 2)
        held = pod.status

        Node.objects.filter(pk__in=others).update(missing_since=None, last_seen_at=FAR_AHEAD)
        probed(pod, times=terms.SILENT_LOOKS)

        assert (held, pod.status) == (PodStatus.RUNNING, PodStatus.UNREACHABLE)

    def test_nor_is_another_cause_told_for_them(
        self, pod: Pod, market_node: Node, pod_machine: EngineMachine
    ) -> None:
        silence(pod, pod_machine)
        probed(pod, times=terms.SILENT_LOOKS)
        silent_machines(3)
        cut_off(market_node)

        probed(pod)
        reconciled(pod)

        assert (pod.status, pod.status_reason_code) == (PodStatus.UNREACHABLE, Reason.SSH_SILENT)

    def test_nor_does_a_look_under_the_pods_own_lease(self, pod: Pod, market_node: Node) -> None:
        silent_machines(3)
        cut_off(market_node)
        Pod.objects.update(attempt=terms.SILENT_LOOKS)

        reconciled(pod)

        assert pod.status == PodStatus.RUNNING
        assert pod.next_look_at <= clock.now() + terms.DOUBT_INTERVAL

    def test_a_silence_found_here_counts_for_the_machine_too(
        self, pod: Pod, market_node: Node
    ) -> None:
        cut_off(market_node)

        probed(pod)

        market_node.refresh_from_db()
        assert market_node.missed_probes == 1


class TestSweep:
    def test_rings_what_is_due_once(
        self, pod: Pod, market_node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rung: list[str] = []
        monkeypatch.setattr(
            "rentals.dispatch.reconcile", lambda row: rung.append(str(row.public_id))
        )
        monkeypatch.setattr("rentals.dispatch.probe", lambda *, node_id: rung.append(str(node_id)))
        later = clock.now() + timedelta(hours=2)

        first, second = sweeping.sweep(now=later), sweeping.sweep(now=later)

        assert (first, second) == (2, 0)
        assert rung == [str(pod.public_id), str(market_node.pk)]


def test_alice_sees_the_same_words_as_the_operator(pod: Pod, market_node: Node) -> None:
    cut_off(market_node)

    probed(pod, times=terms.SILENT_LOOKS)

    event = pod.events.get(to_status="unreachable")
    assert pod.status_reason == event.reason == Reason.MACHINE_SILENT.words
