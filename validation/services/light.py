"""The light look at GPUs that went to a renter: nothing is computed beside them, what is known is compared.

A pod runs only after its GPUs were seen inside it by UUID; here they are compared with the machine's last sound proof.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from core.clock import Clock
from marketplace.models import HandOver, Node, ProofVerdict
from validation.models import CardSample, Proof
from validation.proof.bundle.records import Status
from validation.services import concluding
from validation.verifier.report import Check

# Rounds that a machine may have missed for being rented before its last proof is old.
ROUNDS: Final = 24
REMEDY: Final = "It is proven when its GPUs come back, and in every round while it is idle."


def look(proof: Proof, token: UUID, *, now: Clock) -> None:
    """Compare the GPUs that went to a renter with those of the machine's last sound proof."""
    moment = now()
    checks = [_identity(proof.node, proof.hand_over), _age(proof.node, now=moment)]
    concluding.keep_light(proof.pk, token, checks, now=moment)


def _identity(node: Node, hand_over: HandOver | None) -> Check:
    given = node.gpus.filter(holder=hand_over.holder) if hand_over else node.gpus.none()
    uuids = set(given.values_list("uuid", flat=True))
    known = set(_proven_uuids(node))
    holds = bool(uuids) and uuids <= known
    return Check(
        "identity",
        Status.PASS if holds else Status.UNKNOWN,
        f"{len(uuids & known)} of {len(uuids)} GPUs are cards of its last sound proof",
        "all that went to the renter",
        "" if holds else REMEDY,
    )


def _age(node: Node, *, now: datetime) -> Check:
    most: timedelta = settings.MARKET_PROOF_INTERVAL * ROUNDS
    passed = node.proof_at if node.proof_verdict == ProofVerdict.PASS else None
    minutes = round((now - passed).total_seconds() / 60) if passed else None
    holds = passed is not None and now - passed <= most
    return Check(
        "age",
        Status.PASS if holds else Status.UNKNOWN,
        "no proof has passed yet" if minutes is None else f"passed {minutes} min ago",
        f"a passed proof of the last {most.total_seconds() / 3600:.0f} h",
        "" if holds else REMEDY,
    )


def _proven_uuids(node: Node) -> list[str]:
    latest = CardSample.objects.filter(node=node).order_by("-id").values("proof")[:1]
    return list(CardSample.objects.filter(proof__in=latest).values_list("uuid", flat=True))
