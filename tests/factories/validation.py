"""Minimal valid rows of validation."""

from hashlib import sha256
from typing import Any

from marketplace.models import Node
from tests.factories.marketplace import NOON
from validation.models import (
    CardSample,
    CheckStatus,
    Proof,
    ProofCheck,
    ProofStatus,
    ProofTry,
    Purpose,
    Verdict,
)

BUNDLE = b'{"body":{}}'


def make_proof(*, node: Node, **fields: Any) -> Proof:
    """Make a passed proof of a node, with one check and the bytes of a bundle that nobody verifies."""
    values: dict[str, Any] = {
        "gpu_model": node.gpu_model,
        "gpu_count": node.gpu_count,
        "simulated": node.simulated,
        "purpose": Purpose.ROUND,
        "status": ProofStatus.DONE,
        "verdict": Verdict.PASS,
        "reason": "Every check held.",
        "wanted_at": NOON,
        "finished_at": NOON,
        "attempt": 1,
        "beacon_number": 100,
        "coin_number": 102,
        "fill_us": 900_000,
        "sweep_us": 400_000,
        "bundle": BUNDLE,
        "bundle_sha256": sha256(BUNDLE).hexdigest(),
        **fields,
    }
    proof = Proof.objects.create(node=node, **values)
    ProofCheck.objects.create(
        proof=proof,
        position=0,
        check_id="tiles",
        status=CheckStatus.PASS,
        measured="64 openings of 1 cards recomputed, all equal",
        required="every drawn tile, bit for bit",
    )
    return proof


def make_try(proof: Proof, **fields: Any) -> ProofTry:
    """Make the first try of a proof, which broke off before anything was answered."""
    record = b'{"statement":{}}'
    values: dict[str, Any] = {
        "number": 1,
        "ended_at": NOON,
        "reason": "It gave no answer in time.",
        "record": record,
        "record_sha256": sha256(record).hexdigest(),
        **fields,
    }
    return ProofTry.objects.create(proof=proof, **values)


def make_samples(proof: Proof, **fields: Any) -> None:
    """Store what each card of the proof's machine took, at the proof's end."""
    node = proof.node
    given = {"simulated": node.simulated, "taken_at": proof.finished_at, **fields}
    CardSample.objects.bulk_create(
        CardSample(proof=proof, node=node, gpu_model=node.gpu_model, uuid=gpu.uuid, **given)
        for gpu in node.gpus.all()
    )
