"""Wanting a proof of a machine: a row that a worker takes up. At most one is open of a machine."""

from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from core import ratelimit
from core.actors import PLATFORM, Actor
from core.errors import Conflict
from marketplace.models import HandOver, Node, NodeStatus
from validation import dispatch, transitions
from validation.models import Proof, ProofStatus, Purpose, Round
from validation.transitions import Reason

ASKED_PER_MACHINE: Final = "6/hour"
REASONS: Final = {
    Purpose.SWEEP: (Reason.ROUND, "Every idle machine is proven in this round."),
    Purpose.HAND_OVER: (Reason.HANDED_OVER, "Its GPUs went to a renter."),
    Purpose.RETURN: (Reason.RETURNED, "A renter gave its GPUs back."),
    Purpose.ON_DEMAND: (Reason.ASKED_FOR, "It was asked for."),
}


class NotProvable(Conflict):
    """The machine cannot be proven now."""

    code = "not_provable"


def ask(*, node: Node, actor: Actor, now: datetime) -> Proof:
    """Have an idle machine proven for whoever asks; the proof that is under way, if there is one.

    :raises NotProvable: it is rented, or not reached. :raises RateLimited: it was asked for too often.
    """
    if (under_way := open_proof(node)) is not None:
        return under_way
    if why_not := obstacle(node):
        raise NotProvable(why_not, hint="Ask again when it is idle and answers.")
    ratelimit.check("proof", str(node.public_id), ASKED_PER_MACHINE)
    return want(node_id=node.pk, purpose=Purpose.ON_DEMAND, actor=actor, now=now)


def want(
    *,
    node_id: int,
    purpose: Purpose,
    now: datetime,
    actor: Actor = PLATFORM,
    round: Round | None = None,
    hand_over: HandOver | None = None,
) -> Proof:
    """Put a proof of a machine in the queue; the one that is open already, if there is one."""
    node = Node.objects.select_related("gpu_model").get(pk=node_id)
    try:
        with transaction.atomic():
            proof = Proof.objects.create(
                node=node,
                gpu_model=node.gpu_model,
                gpu_count=node.gpu_count,
                simulated=node.simulated,
                purpose=purpose,
                round=round,
                hand_over=hand_over,
                wanted_at=now,
                next_try_at=now,
            )
            reason, detail = REASONS[purpose]
            transitions.begin(proof, reason=reason, actor=actor, now=now, detail=detail)
            dispatch.prove(proof.pk)
    except IntegrityError:
        # Somebody else was faster: that one serves as well.
        if (under_way := open_proof(node)) is None:
            raise
        return under_way
    return proof


def open_proof(node: Node) -> Proof | None:
    """Give the proof of a machine that is not done."""
    return Proof.objects.filter(node=node).exclude(status=ProofStatus.DONE).first()


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
