"""Looks at rented GPUs: cards that were proven, and nobody on them but their renter."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from core import clock
from marketplace.models import Node, NodeGpu, NodeStatus, ProofVerdict
from marketplace.services.usage import record_hand_over
from marketplace.simulated import gpus_tsv, install
from tests.factories.marketplace import make_node
from tests.factories.validation import make_proof, make_samples
from tests.machines import Sshd
from validation.models import Proof, ProofStatus, Purpose, Verdict
from validation.proof.bundle.records import Status
from validation.services import light, onlooking, proving, rounds
from validation.services.onlooking import NotTold

POD, OTHER_POD = UUID(int=1), UUID(int=2)
OWN, OTHER = "a" * 64, "b" * 64
RENTED = {"GPU-0": POD, "GPU-1": POD}


def said(*, used: str = "3000", processes: str = "", groups: str = "", pods: str = "") -> str:
    """Print what a machine of three GPUs prints, the last of them idle."""
    gpus = f"GPU-0, {used}\nGPU-1, 3\nGPU-2, 70000\n"
    return f"{gpus}--\n{processes}\n--\n{pods or f'{OWN} {POD}'}\n--\n{groups}"


def found(text: str) -> dict[str, tuple[str, str]]:
    checks = light.checks_of(onlooking.read(text), RENTED)
    return {check.id: (check.status, check.measured) for check in checks}


class TestJudging:
    def test_the_renters_own_processes_are_nobodys_business(self) -> None:
        told = found(
            said(
                processes="GPU-0, 41, 2900\nGPU-0, 42, 90",
                groups=f"41 0::/system.slice/docker-{OWN}.scope\n42 0::/docker/{OWN}/inner/{OTHER}",
            )
        )

        assert told == {
            "processes": (Status.PASS, "no process of anybody else"),
            "held_memory": (Status.PASS, "all memory in use is accounted for"),
        }

    @pytest.mark.parametrize(
        "group", ["0::/user.slice/session-1.scope", f"12:devices:/docker/{OTHER}", "0::/"]
    )
    def test_anybody_elses_process_fails(self, group: str) -> None:
        told = found(said(processes="GPU-0, 41, 2900", groups=f"41 {group}"))

        assert told["processes"] == (
            Status.FAIL,
            "1 process outside of the renter's container, with 2,900 MiB",
        )

    def test_another_renters_process_fails_too(self) -> None:
        pods = f"{OWN} {POD}\n{OTHER} {OTHER_POD}"
        told = found(
            said(processes="GPU-1, 41, 1", groups=f"41 0::/docker/{OTHER}", used="1", pods=pods)
        )

        assert told["processes"][0] is Status.FAIL

    def test_what_runs_on_an_idle_gpu_is_left_to_proofs(self) -> None:
        told = found(said(processes="GPU-2, 41, 69000", groups="41 0::/", used="4"))

        assert {status for status, _ in told.values()} == {Status.PASS}

    def test_a_process_that_has_ended_accuses_nobody(self) -> None:
        told = found(said(processes="GPU-0, 41, 2900"))

        assert {status for status, _ in told.values()} == {Status.PASS}

    def test_memory_that_no_process_holds_cannot_be_told(self) -> None:
        told = found(said(used="9000"))

        assert told["held_memory"] == (
            Status.UNKNOWN,
            "9,000 MiB are held by no process that computes",
        )
        assert told["processes"][0] is Status.PASS

    @pytest.mark.parametrize("lines", [{"used": "[N/A]"}, {"processes": "GPU-0, 41, [N/A]"}])
    def test_figures_that_a_driver_keeps_to_itself(self, lines: dict[str, str]) -> None:
        onlook = onlooking.read(said(**lines))

        assert onlook.unexplained_mib(["GPU-0"]) is None

    def test_without_the_renters_container_nothing_is_known(self) -> None:
        told = found(said(pods=f"{OTHER} {OTHER_POD}"))

        assert {status for status, _ in told.values()} == {Status.UNKNOWN}

    @pytest.mark.parametrize(
        "text", ["", "--\n--\n--\n--\n", "GPU-0\n--\n--\n--\n", "--\nGPU-0, 1\n--\n--\n"]
    )
    def test_what_cannot_be_read(self, text: str) -> None:
        with pytest.raises(NotTold):
            onlooking.read(text)


@pytest.fixture
def rented(node: Node, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Rent a machine behind a real sshd, whose docker knows the renter's container, and whose cards were proven."""
    monkeypatch.setattr(light, "AGAIN_SECONDS", 0.0)
    home = sshd.home / "node"
    install(home / "simulated", table=gpus_tsv(count=2, seed=7))
    docker = home / "bin" / "docker"
    docker.write_text(f"#!/bin/sh\necho {OWN} {POD}\n")
    docker.chmod(0o755)
    given(node, at=clock.now() - timedelta(hours=2), holder=POD)
    Node.objects.filter(pk=node.pk).update(proof_verdict=ProofVerdict.PASS, proof_at=clock.now())
    proof = make_proof(node=node, finished_at=clock.now())
    make_samples(proof, shape="n", fill_us=1, sweep_us=1)
    node.refresh_from_db()
    yield node
    docker.unlink()
    (home / "simulated" / "processes.tsv").unlink(missing_ok=True)


def given(node: Node, *, at: datetime, holder: UUID | None = None) -> None:
    """Give all GPUs of a machine to a renter."""
    holder = holder or uuid4()
    node.gpus.update(holder=holder)
    Node.objects.filter(pk=node.pk).update(free_gpu_count=0)
    count = node.gpu_count
    record_hand_over(node_id=node.pk, holder=holder, to_renter=True, gpu_count=count, now=at)


def looked_at(node: Node) -> Proof:
    assert rounds.look_at_rented(clock.now()) == 1
    proof = Proof.objects.latest("pk")
    proving.prove(proof_id=proof.pk)
    proof.refresh_from_db()
    return proof


def computes(sshd: Sshd, gpu: NodeGpu, *, mib: int) -> None:
    """Let this very process be one that uses a simulated GPU, outside of any container."""
    row = f"{gpu.uuid}\t{os.getpid()}\tminer\t{mib}"
    heading = "gpu_uuid\tpid\tprocess_name\tused_gpu_memory"
    (sshd.home / "node" / "simulated" / "processes.tsv").write_text(f"{heading}\n{row}\n")


@pytest.mark.django_db(transaction=True)
class TestOverSsh:
    def test_a_machine_that_is_its_renters_alone_passes(self, rented: Node) -> None:
        proof = looked_at(rented)

        assert (proof.purpose, proof.verdict, proof.bundle) == (Purpose.LOOK, "pass", None)
        assert [check.check_id for check in proof.checks.order_by("position")] == [
            "identity",
            "age",
            "processes",
            "held_memory",
        ]

    def test_a_provider_who_computes_there_too_is_taken_off_the_market(
        self, rented: Node, sshd: Sshd
    ) -> None:
        gpu = rented.gpus.first()
        assert gpu
        computes(sshd, gpu, mib=20_000)

        proof = looked_at(rented)

        assert (proof.verdict, proof.reason) == (Verdict.FAIL, "Failed: processes.")
        assert "20,000 MiB" in proof.checks.get(check_id="processes").measured
        rented.refresh_from_db()
        assert rented.status == NodeStatus.VALIDATION_FAILED
        assert rented.gpus.filter(holder=POD).count() == 2, "the pod goes on"

    def test_a_machine_that_does_not_answer_is_unknown(self, rented: Node) -> None:
        Node.objects.filter(pk=rented.pk).update(ssh_port=1)

        proof = looked_at(rented)

        assert (proof.verdict, proof.reason) == (
            Verdict.UNKNOWN,
            "Could not be told: processes, held_memory.",
        )

    def test_an_answer_that_is_none_is_unknown(self, rented: Node, sshd: Sshd) -> None:
        (sshd.home / "node" / "simulated" / "gpus.tsv").unlink()

        proof = looked_at(rented)

        assert proof.verdict == Verdict.UNKNOWN
        assert "ended with 9" in proof.checks.get(check_id="processes").measured


@pytest.mark.django_db
class TestWhen:
    def test_each_rented_machine_once_an_interval(self) -> None:
        now, node = clock.now(), make_node()
        make_node()
        given(node, at=now)

        assert rounds.look_at_rented(now + timedelta(minutes=30)) == 0, "at hand-over it was"
        later = now + timedelta(minutes=61)
        assert [rounds.look_at_rented(later) for _ in range(2)] == [1, 0]
        Proof.objects.update(status=ProofStatus.DONE, verdict=Verdict.PASS)
        assert rounds.look_at_rented(later + timedelta(minutes=5)) == 0
        assert rounds.look_at_rented(later + timedelta(days=1)) == 1
        assert {proof.node_id for proof in Proof.objects.all()} == {node.pk}

    def test_not_while_another_proof_is_open(self) -> None:
        now, node = clock.now(), make_node()
        given(node, at=now)
        rounds.follow_hand_overs(now)

        assert rounds.look_at_rented(now + timedelta(days=1)) == 0
