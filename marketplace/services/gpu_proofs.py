"""What a proof of GPU means for a node: validation calls this, the catalogue and the passport read the row."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from core.actors import PLATFORM
from marketplace.models import Node, NodeStatus, ProofVerdict
from marketplace.transitions import Reason, move, note

NOT_PROVEN: Final = "The last proof of its GPUs failed; it is listed again once one passes."
LISTED_OR_SOON: Final = (NodeStatus.AVAILABLE, NodeStatus.VALIDATION_PENDING)


def passed(*, node_id: int, proof_id: UUID, now: datetime) -> None:
    """Write down a passed proof; a node that an earlier one took off the market is checked again at once."""
    with transaction.atomic():
        node = _lock(node_id)
        failed_before = node.proof_verdict == ProofVerdict.FAIL
        _write(node, ProofVerdict.PASS, proof_id, now=now)
        if failed_before:
            node.next_checks_at = now
            node.save(update_fields=["next_checks_at"])
            detail = "Its GPUs are proven again; its checks run now."
            note(node, reason=Reason.PROOF_PASSED, actor=PLATFORM, now=now, detail=detail)


def failed(*, node_id: int, proof_id: UUID, why: str, now: datetime) -> None:
    """Write down a failed proof and take the node off the market; pods on it go on."""
    with transaction.atomic():
        node = _lock(node_id)
        _write(node, ProofVerdict.FAIL, proof_id, now=now)
        if node.status in LISTED_OR_SOON:
            _off(node, why=why, now=now)


def keep_off(node: Node, *, now: datetime) -> bool:
    """Keep a node whose last proof failed off the market, whatever brings it there; False where the proof did not.

    The caller holds the row lock.
    """
    if node.proof_verdict != ProofVerdict.FAIL:
        return False
    if node.status in LISTED_OR_SOON:
        _off(node, why=NOT_PROVEN, now=now)
    return True


def _write(node: Node, verdict: ProofVerdict, proof_id: UUID, *, now: datetime) -> None:
    node.proof_verdict, node.proof_at, node.proof_id = verdict, now, proof_id
    node.save(update_fields=["proof_verdict", "proof_at", "proof_id", "updated_at"])


def _off(node: Node, *, why: str, now: datetime) -> None:
    move(
        node,
        to=NodeStatus.VALIDATION_FAILED,
        reason=Reason.PROOF_FAILED,
        actor=PLATFORM,
        now=now,
        detail=why,
    )


def _lock(node_id: int) -> Node:
    rows = Node.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("provider").get(pk=node_id)
