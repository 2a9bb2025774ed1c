"""A proof of a machine over SSH, from the wish to the verdict on its row."""

from hashlib import sha256

import pytest

from core import clock
from marketplace.models import Node, ProofVerdict
from validation.models import CardSample, CheckStatus, Proof, Purpose
from validation.services import proving, wanting
from validation.verifier.verifying import verify


def prove(node: Node, purpose: Purpose = Purpose.ON_DEMAND) -> Proof:
    proof = wanting.want(node_id=node.pk, purpose=purpose, now=clock.now())
    proving.prove(proof_id=proof.pk)
    proof.refresh_from_db()
    return proof


@pytest.mark.django_db(transaction=True)
def test_a_machine_is_proven(node: Node) -> None:
    proof = prove(node)

    assert (proof.status, proof.verdict, proof.reason) == ("done", "pass", "Every check held.")
    assert {check.check_id for check in proof.checks.all()} >= {"tiles", "sweeps", "beacon"}
    assert {check.status for check in proof.checks.all()} == {CheckStatus.PASS}
    report = verify(bytes(proof.bundle))
    assert report.holds
    assert proof.bundle_sha256 == sha256(proof.bundle).hexdigest()
    node.refresh_from_db()
    assert (node.proof_verdict, node.proof_id) == (ProofVerdict.PASS, proof.public_id)
    assert CardSample.objects.filter(proof=proof).count() == 2
