"""Wanting a proof of a machine: a row that a worker takes up. At most one is open of a machine."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from core import ratelimit
from core.actors import PLATFORM, Actor
from core.errors import Conflict
from marketplace.models import HandOver, Node, NodeStatus
from validation import dispatch, selectors, terms, transitions
from validation.models import Proof, ProofStatus, Purpose, Round
from validation.transitions import Reason

ASKED_PER_MACHINE: Final = "6/hour"
# Whoever asks of one machine after another must not keep all of them busy; who asks of one, not use up what others may.
ASKED_BY_ONE: Final = "20/hour"
ASKED_OF_ONE_BY_ONE: Final = "3/hour"
# A machine whose proof is still under way when a round begins would not be in it, and earn nothing for it.
NEAR: Final = "A round of all idle machines is about to begin, in which it is proven if it is idle."
# A look proves nothing, so it is no answer to somebody who wants a proof.
LOOKED_AT: Final = "Its rented GPUs are being looked at, which takes some seconds."
REASONS: Final = {
    Purpose.ROUND: (Reason.ROUND, "Every idle machine is proven in this round."),
    Purpose.LOOK: (Reason.HANDED_OVER, "GPUs of it are with a renter."),
    Purpose.RETURN: (Reason.RETURNED, "A renter gave its GPUs back."),
    Purpose.ON_DEMAND: (Reason.ASKED_FOR, "It was asked for."),
}


class NotProvable(Conflict):
    """The machine cannot be proven now."""

    code = "not_provable"


def ask(*, node: Node, actor: Actor, person: str, now: datetime) -> Proof:
    """Have an idle machine proven for whoever asks; the proof that is under way, if there is one.

    ``person`` is who asks, by public id: the account, whichever of its keys it uses.

    :raises NotProvable: it is rented or looked at, or not reached, or a round is near.
    :raises RateLimited: it was asked for too often.
    """
    under_way = open_proof(node)
    if under_way is not None and not under_way.is_look:
        return under_way
    if why_not := refusal(node, now=now) or (LOOKED_AT if under_way else ""):
        raise NotProvable(why_not, hint="Ask again in some minutes, when it is idle and answers.")
    ratelimit.check("proof-by", person, ASKED_BY_ONE)
    ratelimit.check("proof-of-by", f"{node.public_id} {person}", ASKED_OF_ONE_BY_ONE)
    ratelimit.check("proof", str(node.public_id), ASKED_PER_MACHINE)
    return want(node_id=node.pk, purpose=Purpose.ON_DEMAND, actor=actor, now=now)


def want(
    *,
    node_id: int,
    purpose: Purpose,
    now: datetime,
    actor: Actor = PLATFORM,
    hand_over: HandOver | None = None,
) -> Proof:
    """Put a proof of a machine in the queue; the one that is open already, if there is one."""
    node = Node.objects.select_related("gpu_model").get(pk=node_id)
    proof = _proof(node, purpose, now=now)
    proof.hand_over = hand_over
    try:
        with transaction.atomic():
            proof.save()
            reason, detail = REASONS[purpose]
            transitions.begin([proof], reason=reason, actor=actor, now=now, detail=detail)
            dispatch.prove(proof.pk)
    except IntegrityError:
        # Somebody else was faster: that one serves as well.
        if (under_way := open_proof(node)) is None:
            raise
        return under_way
    return proof


def want_all(nodes: Sequence[Node], *, round: Round, now: datetime) -> None:
    """Put a proof of each machine in the queue for a round, but where one is open already."""
    with transaction.atomic():
        wanted = [_proof(node, Purpose.ROUND, now=now, round=round) for node in nodes]
        Proof.objects.bulk_create(wanted, ignore_conflicts=True)
        made = list(Proof.objects.filter(round=round).select_related("node"))
        reason, detail = REASONS[Purpose.ROUND]
        transitions.begin(made, reason=reason, actor=PLATFORM, now=now, detail=detail)
        for proof in made:
            dispatch.prove(proof.pk)


def _proof(node: Node, purpose: Purpose, *, now: datetime, round: Round | None = None) -> Proof:
    return Proof(
        node=node,
        gpu_model=node.gpu_model,
        gpu_count=node.gpu_count,
        simulated=node.simulated,
        purpose=purpose,
        round=round,
        wanted_at=now,
        next_try_at=now,
    )


def open_proof(node: Node) -> Proof | None:
    """Give the proof of a machine that is not done."""
    return Proof.objects.filter(node=node).exclude(status=ProofStatus.DONE).first()


def refusal(node: Node, *, now: datetime) -> str:
    """Say why nobody can have a machine proven now; empty when somebody can."""
    return obstacle(node) or (NEAR if is_near_a_round(node, now=now) else "")


def is_near_a_round(node: Node, *, now: datetime) -> bool:
    """Say whether a round is due so soon, or was so lately, that a proof of this machine alone could keep it out."""
    next_at, quiet = selectors.next_round_at(), terms.sittings(simulated=node.simulated).quiet
    return next_at is not None and abs(next_at - now) < quiet


def obstacle(node: Node) -> str:
    """Say why a machine's GPUs cannot be proven in full now; empty when they can."""
    if node.delisted_at is not None:
        return "It was taken off the market."
    if node.status not in (
        NodeStatus.AVAILABLE,
        NodeStatus.VALIDATION_PENDING,
        NodeStatus.VALIDATION_FAILED,
    ):
        return "It does not answer, or its provider needs it."
    if not node.host_key or not node.gpus.exists():
        return "Nobody has looked at its GPUs yet."
    if node.gpus.exclude(holder=None).exists():
        return "Some of its GPUs are rented: nothing heavy runs beside a renter."
    return ""
