"""One card, one machine: a UUID that two machines' bundles show fails both."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from marketplace.models import ProofVerdict
from marketplace.services import gpu_proofs
from validation.models import CardSample, Proof
from validation.proof.bundle.records import Status
from validation.verifier.report import Check

# A card that was taken out of one machine may be in another after this.
REMEMBERED: Final = timedelta(days=2)


def check(proof: Proof, uuids: Sequence[str], *, now: datetime) -> Check | None:
    """Find another listed machine whose latest bundle shows one of the cards, and fail that machine as well.

    Simulated machines that were copied from each other share their stand-ins: they are left out.
    """
    if proof.simulated:
        return None
    twins = list(_twins(proof, uuids, now=now))
    for twin in twins:
        why = "Its GPUs could not be proven. Failed: identity (another machine shows one of them)."
        gpu_proofs.failed(node_id=twin.node_id, proof_id=twin.proof.public_id, why=why, now=now)
    if not twins:
        return None
    shown = ", ".join(f"{twin.uuid} in proof {twin.proof.public_id}" for twin in twins)
    return Check(
        "identity",
        Status.FAIL,
        f"Also shown by another machine: {shown}",
        "a UUID that no other machine shows",
        "Take the card's other machine off the market.",
    )


def _twins(proof: Proof, uuids: Sequence[str], *, now: datetime) -> list[CardSample]:
    elsewhere = CardSample.objects.filter(
        uuid__in=uuids, taken_at__gt=now - REMEMBERED, node__delisted_at=None, simulated=False
    ).exclude(node=proof.node_id)
    recent = elsewhere.filter(node__proof_verdict__in=[ProofVerdict.PASS, ""])
    return list(recent.select_related("proof").order_by("node", "-id").distinct("node"))
