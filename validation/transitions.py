"""The life of a proof: which status follows which, and why."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from core import live, states
from core.actors import Actor
from validation.models import Proof, ProofEvent, ProofStatus, Verdict


class Reason(StrEnum):
    """Why a proof changed."""

    ROUND = "round"
    HANDED_OVER = "handed_over"
    RETURNED = "returned"
    ASKED_FOR = "asked_for"
    STARTED = "started"
    TRY_AGAIN = "try_again"
    JUDGED = "judged"
    GIVEN_UP = "given_up"
    NOT_POSSIBLE = "not_possible"


S = ProofStatus
ALLOWED: Final[Mapping[ProofStatus, Collection[ProofStatus]]] = {
    S.WANTED: {S.RUNNING, S.DONE},
    S.RUNNING: {S.WANTED, S.DONE},
    S.DONE: (),
}


def begin(
    proofs: Sequence[Proof], *, reason: Reason, actor: Actor, now: datetime, detail: str
) -> None:
    """Record that proofs are wanted; the caller has just made their rows."""
    ProofEvent.objects.bulk_create(
        _event(proof, source="", reason=reason, actor=actor, now=now, detail=detail)
        for proof in proofs
    )
    for proof in proofs:
        live.publish(f"node:{proof.node.public_id}")


def move(
    proof: Proof,
    *,
    to: ProofStatus,
    reason: Reason,
    actor: Actor,
    now: datetime,
    detail: str,
    private: str = "",
    verdict: Verdict | None = None,
) -> None:
    """Change a proof's status and record why; the caller holds the row lock. A verdict comes with DONE alone.

    ``detail`` is for everybody, ``private`` for provider and operators, where it says more.

    :raises IllegalTransition: the table has no such move.
    """
    source = ProofStatus(proof.status)
    states.require(ALLOWED, of="proof", source=source, target=to)
    proof.status, proof.reason, proof.verdict = to, detail[:300], verdict or ""
    if to == S.DONE:
        proof.finished_at, proof.next_try_at = now, None
        proof.lease_token = proof.lease_until = None
    proof.save()
    said = private or detail
    _event(proof, source=source, reason=reason, actor=actor, now=now, detail=said).save()
    live.publish(f"node:{proof.node.public_id}")


def _event(
    proof: Proof, *, source: str, reason: Reason, actor: Actor, now: datetime, detail: str
) -> ProofEvent:
    return ProofEvent(
        proof=proof,
        from_status=source,
        to_status=proof.status,
        reason_code=reason,
        reason=detail[:300],
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        created_at=now,
    )
