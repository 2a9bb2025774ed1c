"""Minimal valid rows of validation."""

from hashlib import sha256
from typing import Any

from marketplace.models import Node
from tests.factories.marketplace import NOON
from validation.models import (
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
        "purpose": Purpose.SWEEP,
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
