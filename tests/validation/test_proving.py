"""A proof of a machine over SSH, from the wish to the verdict on its row, with honest and other machines."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from django.db import connection

from billing.chain.gateway import gateway
from billing.chain.port import ChainUnavailable
from core import clock, leases
from marketplace.models import Node, NodeStatus, ProofVerdict, Provider
from tests.factories.marketplace import make_gpu_model, make_node
from tests.factories.validation import make_proof
from tests.machines import Sshd
from validation.models import (
    CardSample,
    CheckStatus,
    Proof,
    ProofStatus,
    Purpose,
    Round,
    Verdict,
)
from validation.services import (
    beacons,
    judging,
    machine_lock,
    proving,
    rounds,
    validator_key,
    wanting,
)
from validation.verifier.verifying import verify

pytestmark = pytest.mark.django_db(transaction=True)

# Stands between the market and an honest prover, and answers with another root.
OTHER_ROOT = """
import json, subprocess, sys
prover = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in sys.stdin.buffer:
    prover.stdin.write(line); prover.stdin.flush()
    answer = json.loads(prover.stdout.readline() or b"{}")
    if answer.get("type") == "commitment":
        answer["roots"][0] = "00" * 32
    print(json.dumps(answer), flush=True)
"""


# Stands there as well, and shows a card under another's UUID.
NAMES_ANOTHER = """
import json, subprocess, sys
prover = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
own = sys.argv[sys.argv.index("--uuid") + 1]
for line in sys.stdin.buffer:
    prover.stdin.write(line.replace(b"VICTIM", own.encode())); prover.stdin.flush()
    print(prover.stdout.readline().decode().replace(own, "VICTIM"), end="", flush=True)
"""
# Stands there as well, and does something else when a phase begins.
AT_PHASE = """
import json, subprocess, sys
prover = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in sys.stdin.buffer:
    if json.loads(line)["type"] == "PHASE":
        ACTION
    prover.stdin.write(line); prover.stdin.flush()
    print(prover.stdout.readline().decode(), end="", flush=True)
"""
HANGS_UP = "prover.kill(); sys.exit()"
REFUSES = """print('{"type":"error","what":"I do not like this coin"}', flush=True); prover.kill(); sys.exit(1)"""


def prove(node: Node, purpose: Purpose = Purpose.ON_DEMAND) -> Proof:
    proof = wanting.want(node_id=node.pk, purpose=purpose, now=clock.now())
    proving.prove(proof_id=proof.pk)
    proof.refresh_from_db()
    return proof


def sample_of(proof: Proof, uuid: str) -> CardSample:
    return CardSample.objects.create(
        proof=proof,
        node=proof.node,
        gpu_model=proof.gpu_model,
        uuid=uuid,
        shape="n",
        fill_us=1,
        sweep_us=1,
        taken_at=clock.now(),
    )


@contextmanager
def instead_of_python(sshd: Sshd, script: str) -> Iterator[None]:
    """Let the machine run something else where the prover would be run."""
    program = sshd.home / "node" / "bin" / "python3"
    honest = program.read_text()
    program.write_text(f"#!/bin/sh\n{script}\n")
    try:
        yield
    finally:
        program.write_text(honest)


class TestAnHonestMachine:
    def test_is_proven(self, node: Node) -> None:
        proof = prove(node)

        assert (proof.status, proof.verdict, proof.reason) == ("done", "pass", "Every check held.")
        assert {check.check_id for check in proof.checks.all()} >= {"tiles", "sweeps", "beacon"}
        assert {check.status for check in proof.checks.all()} == {CheckStatus.PASS}
        assert CardSample.objects.filter(proof=proof).count() == 2
        node.refresh_from_db()
        assert (node.proof_verdict, node.proof_id) == (ProofVerdict.PASS, proof.public_id)

    def test_leaves_a_bundle_that_holds_for_strangers(self, node: Node) -> None:
        proof = prove(node)

        report = verify(bytes(proof.bundle), signer=validator_key.address())

        assert report.holds
        machine = report.bundle.body.transcript.statement.machine
        assert (machine.node_id, machine.simulated) == (str(node.public_id), True)
        assert proof.bundle_sha256 == sha256(proof.bundle).hexdigest()

    def test_is_asked_for_and_paid_as_what_it_claims_when_the_try_begins(self, node: Node) -> None:
        proof = wanting.want(node_id=node.pk, purpose=Purpose.ON_DEMAND, now=clock.now())
        model = make_gpu_model(name="NVIDIA GeForce RTX 4090", short_name="RTX4090")
        Node.objects.filter(pk=node.pk).update(gpu_model=model)
        Provider.objects.filter(pk=node.provider_id).update(hotkey="5Bob")

        proving.prove(proof_id=proof.pk)

        proof.refresh_from_db()
        of = verify(bytes(proof.bundle)).bundle.body.transcript.statement.machine
        assert (proof.gpu_model, proof.gpu_count, proof.hotkey) == (model, 2, "5Bob")
        assert (of.claimed_model, of.hotkey) == (f"{model.name} (simulated)", "5Bob")

    def test_builds_on_its_proof_before(self, node: Node) -> None:
        first, second = prove(node), prove(node)

        assert second.previous == first.commitment != second.commitment


class TestAnotherMachine:
    def test_that_answers_with_other_roots_is_off_the_market(
        self, node: Node, sshd: Sshd, tmp_path: Path
    ) -> None:
        cheat = tmp_path / "cheat.py"
        cheat.write_text(OTHER_ROOT)
        with instead_of_python(sshd, f'exec "{sys.executable}" "{cheat}" "$@"'):
            proof = prove(node)

        assert (proof.verdict, proof.reason) == (Verdict.FAIL, "Failed: tiles, sweeps.")
        assert verify(bytes(proof.bundle)).bundle.body.verdict == "fail"
        assert not CardSample.objects.filter(proof=proof).exists()
        node.refresh_from_db()
        assert (node.status, node.proof_verdict) == (NodeStatus.VALIDATION_FAILED, "fail")
        assert node.events.latest("id").reason_code == "proof_failed"

    def test_that_names_a_victims_card_in_a_proof_of_nothing_harms_itself_alone(
        self, node: Node, sshd: Sshd, tmp_path: Path
    ) -> None:
        victim = make_node(proof_verdict=ProofVerdict.PASS)
        uuid = victim.gpus.order_by("position")[0].uuid
        sample_of(make_proof(node=victim), uuid)
        cheat = tmp_path / "cheat.py"
        cheat.write_text(NAMES_ANOTHER.replace("VICTIM", uuid))
        with instead_of_python(sshd, f'exec "{sys.executable}" "{cheat}" "$@"'):
            proof = prove(node)

        assert proof.verdict == Verdict.FAIL
        assert "listing" in proof.reason
        assert not proof.checks.filter(check_id="twins").exists()
        victim.refresh_from_db()
        assert (victim.status, victim.proof_verdict) == (NodeStatus.AVAILABLE, "pass")

    def test_is_checked_again_once_it_is_proven(self, node: Node) -> None:
        Node.objects.filter(pk=node.pk).update(
            status=NodeStatus.VALIDATION_FAILED, proof_verdict=ProofVerdict.FAIL
        )

        prove(node)

        node.refresh_from_db()
        assert node.proof_verdict == ProofVerdict.PASS
        assert node.next_checks_at is not None
        assert node.next_checks_at <= clock.now()

    @pytest.mark.parametrize(
        "script", ["exit 3", "echo no JSON", "yes", 'echo \'{"type":"ready","cards":[]}\'; cat']
    )
    def test_that_has_no_prover_is_tried_again_and_not_punished(
        self, node: Node, sshd: Sshd, script: str
    ) -> None:
        with instead_of_python(sshd, script):
            proof = prove(node)

        assert (proof.status, proof.verdict, proof.attempt) == (ProofStatus.WANTED, "", 1)
        assert proof.next_try_at is not None
        assert proof.next_try_at > clock.now()
        node.refresh_from_db()
        assert (node.status, node.proof_verdict) == (NodeStatus.AVAILABLE, "")

    def test_that_never_lets_a_prover_run_could_not_be_told(
        self, node: Node, sshd: Sshd, settings: object
    ) -> None:
        settings.MARKET_PROOF_TRIES = 1  # type: ignore[attr-defined]
        with instead_of_python(sshd, "exit 3"):
            proof = prove(node)

        assert (proof.status, proof.verdict) == (ProofStatus.DONE, Verdict.UNKNOWN)
        assert sshd.address.host not in proof.reason
        node.refresh_from_db()
        assert node.status == NodeStatus.AVAILABLE

    def test_that_started_and_then_does_not_answer_fails_in_the_end(
        self, node: Node, sshd: Sshd, tmp_path: Path, settings: object
    ) -> None:
        settings.MARKET_PROOF_TRIES = 1  # type: ignore[attr-defined]
        cheat = tmp_path / "cheat.py"
        cheat.write_text(OTHER_ROOT.replace('["roots"][0] = "00" * 32', '["roots"] = "none"'))
        with instead_of_python(sshd, f'exec "{sys.executable}" "{cheat}" "$@"'):
            proof = prove(node)

        assert proof.verdict == Verdict.FAIL
        assert proof.checks.get().check_id == "commitment"
        node.refresh_from_db()
        assert node.status == NodeStatus.VALIDATION_FAILED

    @pytest.mark.parametrize("action", [HANGS_UP, REFUSES], ids=["hangs up", "refuses"])
    def test_that_leaves_when_it_knows_its_coin_fails_in_that_try(
        self, node: Node, sshd: Sshd, tmp_path: Path, action: str
    ) -> None:
        with self.cheating(sshd, tmp_path, "open", action):
            proof = prove(node)

        assert (proof.verdict, proof.attempt) == (Verdict.FAIL, 1)
        assert proof.checks.get().check_id == "tiles"
        kept = json.loads(bytes(proof.tries.get().record))
        assert set(kept) == {"statement", "commitment", "residency"}
        node.refresh_from_db()
        assert node.status == NodeStatus.VALIDATION_FAILED

    @pytest.mark.parametrize(("phase", "check"), [("fill", "commitment"), ("sweep", "sweeps")])
    def test_that_leaves_before_is_asked_again_and_fails_in_the_end(
        self,
        node: Node,
        sshd: Sshd,
        tmp_path: Path,
        settings: object,
        phase: str,
        check: str,
    ) -> None:
        settings.MARKET_PROOF_TRIES = 2  # type: ignore[attr-defined]
        with self.cheating(sshd, tmp_path, phase, HANGS_UP):
            proof = prove(node)
            assert (proof.status, proof.verdict) == (ProofStatus.WANTED, "")
            proving.prove(proof_id=proof.pk)

        proof.refresh_from_db()
        assert (proof.verdict, proof.checks.get().check_id) == (Verdict.FAIL, check)
        assert [one.number for one in proof.tries.order_by("number")] == [1, 2]

    def test_that_is_late_leaves_the_bundle_of_each_try(
        self, node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(judging.Judged, "is_untimely", True)
        proof = prove(node)

        assert (proof.status, proof.bundle) == (ProofStatus.WANTED, None)
        assert verify(bytes(proof.tries.get().record)).holds

    @contextmanager
    def cheating(self, sshd: Sshd, folder: Path, phase: str, action: str) -> Iterator[None]:
        cheat = folder / "cheat.py"
        cheat.write_text(AT_PHASE.replace("PHASE", phase).replace("ACTION", action))
        with instead_of_python(sshd, f'exec "{sys.executable}" "{cheat}" "$@"'):
            yield

    def test_that_complains_in_bytes_that_no_database_keeps_fails_all_the_same(
        self, node: Node, sshd: Sshd, tmp_path: Path, settings: object
    ) -> None:
        settings.MARKET_PROOF_TRIES = 1  # type: ignore[attr-defined]
        complaint = '["type"] = "error"; answer["what"] = "a\\0b\\ud800"'
        cheat = tmp_path / "cheat.py"
        cheat.write_text(OTHER_ROOT.replace('["roots"][0] = "00" * 32', complaint))
        with instead_of_python(sshd, f'exec "{sys.executable}" "{cheat}" "$@"'):
            proof = prove(node)

        assert (proof.verdict, proof.reason) == (Verdict.FAIL, "a?b?: ")


class TestARound:
    LATE = "It was not ready in time for the round's block."

    def test_begins_at_its_block_for_all_that_are_ready(self, node: Node) -> None:
        proof = self.wanted()

        block = self.sit(proof, "beacon_number", attempt=0)

        assert proof.verdict == Verdict.PASS
        assert self.beacon(proof) == block

    def test_has_one_other_block_for_those_that_are_late(self, node: Node) -> None:
        proof = self.wanted(beacon_number=0)
        proving.prove(proof_id=proof.pk)
        proof.refresh_from_db()
        assert (proof.status, proof.reason) == (ProofStatus.WANTED, self.LATE)
        assert proof.round is not None
        assert proof.next_try_at is not None
        assert proof.next_try_at >= proof.round.second_at

        block = self.sit(proof, "second_number", attempt=1)

        assert self.beacon(proof) == block

    def test_never_asks_a_machine_alone(self, node: Node) -> None:
        proof = self.wanted(beacon_number=0, second_number=0)

        for _ in range(2):
            proving.prove(proof_id=proof.pk)

        proof.refresh_from_db()
        assert (proof.status, proof.verdict, proof.attempt) == ("done", Verdict.UNKNOWN, 2)

    def wanted(self, **blocks: int) -> Proof:
        begun = rounds.begin_round(clock.now())
        assert begun is not None
        Round.objects.update(**{"beacon_number": begun.beacon_number, **blocks})
        proof: Proof = begun.proofs.get()
        return proof

    def sit(self, proof: Proof, block: str, *, attempt: int) -> int:
        """Let a sitting begin in some seconds; in more of them where the prover needs longer to get ready."""
        for seconds in (4, 12, 40):
            number = gateway().heads().finalized + seconds
            Round.objects.update(**{block: number})
            undone = {"status": ProofStatus.WANTED, "verdict": "", "attempt": attempt}
            Proof.objects.filter(pk=proof.pk).update(**undone)
            proving.prove(proof_id=proof.pk)
            proof.refresh_from_db()
            if proof.reason != self.LATE:
                return number
        raise AssertionError("the prover is not ready within 40 s")

    def beacon(self, proof: Proof) -> int:
        return verify(bytes(proof.bundle)).bundle.body.transcript.statement.beacon.number


class TestNotNow:
    def test_a_rented_machine_is_not_computed_on(self, node: Node) -> None:
        node.gpus.update(holder=uuid4())

        proof = prove(node)

        assert (proof.verdict, proof.bundle) == (Verdict.NOT_RUN, None)
        assert "rented" in proof.reason

    def test_real_cards_are_not_proven_without_an_image(self, node: Node) -> None:
        Node.objects.filter(pk=node.pk).update(simulated=False)

        proof = prove(node)

        assert proof.verdict == Verdict.NOT_RUN
        assert "no image" in proof.reason

    @pytest.mark.parametrize(("tries", "verdict"), [(2, ""), (1, Verdict.UNKNOWN)])
    def test_blocks_that_do_not_fit_are_no_fault_of_the_machine(
        self,
        node: Node,
        settings: object,
        monkeypatch: pytest.MonkeyPatch,
        tries: int,
        verdict: str,
    ) -> None:
        settings.MARKET_PROOF_TRIES = tries  # type: ignore[attr-defined]
        monkeypatch.setattr(beacons.OurChain, "block", lambda *_: None)

        proof = prove(node)

        assert proof.verdict == verdict
        if verdict:
            assert proof.reason == "Could not be told: beacon."
            assert CardSample.objects.filter(proof=proof).exists()
        node.refresh_from_db()
        assert node.status == NodeStatus.AVAILABLE

    def test_without_a_key_nobody_is_asked_and_it_is_tried_again(
        self, node: Node, settings: object, tmp_path: Path
    ) -> None:
        settings.MARKET_VALIDATOR_KEY = tmp_path / "spoilt.json"  # type: ignore[attr-defined]
        (tmp_path / "spoilt.json").write_text("no key")

        proof = prove(node)

        assert (proof.status, proof.verdict) == (ProofStatus.WANTED, "")
        assert not proof.tries.exists()

    def test_without_a_chain_it_is_tried_again(
        self, node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def silent() -> None:
            raise ChainUnavailable("It does not answer.")

        monkeypatch.setattr(beacons, "newest", silent)

        proof = prove(node)

        assert (proof.status, proof.reason) == (
            ProofStatus.WANTED,
            "The chain gave no block in time.",
        )

    def test_a_machine_that_another_worker_asks_is_left_alone(self, node: Node) -> None:
        proof = wanting.want(node_id=node.pk, purpose=Purpose.ROUND, now=clock.now())
        token = uuid4()
        Proof.objects.filter(pk=proof.pk).update(
            lease_token=token, lease_until=clock.now() + leases.LEASE
        )

        proving.prove(proof_id=proof.pk)

        proof.refresh_from_db()
        assert (proof.status, proof.attempt) == (ProofStatus.WANTED, 0)

    def test_a_done_proof_stays_as_it_is(self, node: Node) -> None:
        proof = prove(node)

        proving.prove(proof_id=proof.pk)

        assert Proof.objects.get(pk=proof.pk).attempt == 1

    def test_a_proof_whose_workers_died_ends(self, node: Node, settings: object) -> None:
        proof = wanting.want(node_id=node.pk, purpose=Purpose.ROUND, now=clock.now())
        tries = settings.MARKET_PROOF_TRIES  # type: ignore[attr-defined]
        Proof.objects.filter(pk=proof.pk).update(status=ProofStatus.RUNNING, attempt=tries)

        proving.prove(proof_id=proof.pk)

        proof.refresh_from_db()
        assert (proof.status, proof.verdict) == (ProofStatus.DONE, Verdict.UNKNOWN)


def test_a_round_begins_by_its_blocks_own_time_whenever_a_process_sees_the_block(
    small_proofs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beacons, "BEGIN_AFTER_BLOCKS", 3)
    number = gateway().heads().finalized + 1

    beacons.at(number, patience_seconds=30)

    assert 3 <= (clock.now() - gateway().block(number).at).total_seconds() < 5


def test_the_lock_of_a_machine_is_held_once(node: Node) -> None:
    found: list[bool] = []

    def elsewhere() -> None:
        with machine_lock.held(node.pk) as alone:
            found.append(alone)
        connection.close()

    with machine_lock.held(node.pk) as alone:
        other = Thread(target=elsewhere)
        other.start()
        other.join()

    assert (alone, found) == (True, [False])
