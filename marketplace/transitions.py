"""The life of a node on the market: which status follows which, and why."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from accounts.services import audit
from core import live, states
from core.actors import Actor, ActorKind
from core.errors import IllegalTransition
from marketplace import outbox
from marketplace.event_kinds import OF_PROVIDERS
from marketplace.models import Node, NodeEvent, NodeStatus


class Reason(StrEnum):
    """Why a node changed, in the one vocabulary that renter, provider and operator read."""

    ADDED = "added"
    ENROLLED = "enrolled"
    ENROLLED_AGAIN = "enrolled_again"
    CHECKS_PASSED = "checks_passed"
    CHECKS_FAILED = "checks_failed"
    CHECKS_WANTED = "checks_wanted"
    VERIFICATION_EXPIRED = "verification_expired"
    PROOF_FAILED = "proof_failed"
    PROOF_PASSED = "proof_passed"
    HOST_KEY_CONFIRMED = "host_key_confirmed"
    LISTING_WANTED = "listing_wanted"
    NOT_ANSWERING = "not_answering"
    ANSWERS_AGAIN = "answers_again"
    REBOOTED = "rebooted"
    GONE_TOO_LONG = "gone_too_long"
    PRICE_CHANGED = "price_changed"
    SPLITTING_CHANGED = "splitting_changed"
    NOTICE_CHANGED = "notice_changed"
    ADDRESS_CHANGED = "address_changed"
    CLAIM_CHANGED = "claim_changed"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    DELISTED = "delisted"
    MAINTENANCE_NOTICE = "maintenance_notice"
    MAINTENANCE_CANCELLED = "maintenance_cancelled"
    MAINTENANCE_STARTED = "maintenance_started"
    MAINTENANCE_OVER = "maintenance_over"
    RECLAIM_NOTICE = "reclaim_notice"
    RECLAIMED_EARLY = "reclaimed_early"
    RECLAIM_CANCELLED = "reclaim_cancelled"
    RECLAIM_DONE = "reclaim_done"


S, R = NodeStatus, Reason
NOTICE_OVER: Final = frozenset({R.RECLAIM_CANCELLED, R.MAINTENANCE_CANCELLED, R.MAINTENANCE_OVER})
# From where, to where, and why; docs/machine-lifecycle.md tells the same, and a test holds it to this.
MOVES: Final[Mapping[NodeStatus, Mapping[NodeStatus, Collection[Reason]]]] = {
    S.NOT_DETECTED: {S.VALIDATION_PENDING: {R.ENROLLED}},
    S.VALIDATION_PENDING: {
        S.AVAILABLE: {R.CHECKS_PASSED},
        S.VALIDATION_FAILED: {R.CHECKS_FAILED, R.PROOF_FAILED},
        S.NOT_DETECTED: {R.CHECKS_FAILED, R.NOT_ANSWERING},
    },
    S.AVAILABLE: {
        S.VALIDATION_PENDING: {R.VERIFICATION_EXPIRED},
        S.VALIDATION_FAILED: {R.CHECKS_FAILED, R.PROOF_FAILED},
        S.OFFLINE: {R.NOT_ANSWERING},
        S.RECLAIMING: {R.MAINTENANCE_STARTED, R.RECLAIM_NOTICE},
    },
    S.VALIDATION_FAILED: {
        S.VALIDATION_PENDING: {R.CHECKS_WANTED, R.ENROLLED_AGAIN},
        S.NOT_DETECTED: {R.GONE_TOO_LONG},
    },
    S.OFFLINE: {
        S.AVAILABLE: {R.ANSWERS_AGAIN},
        S.VALIDATION_PENDING: {R.ENROLLED_AGAIN, R.HOST_KEY_CONFIRMED},
        S.NOT_DETECTED: {R.GONE_TOO_LONG},
    },
    S.RECLAIMING: {
        S.AVAILABLE: NOTICE_OVER,
        S.VALIDATION_PENDING: {R.ENROLLED_AGAIN},
        S.OFFLINE: {R.NOT_ANSWERING, *NOTICE_OVER},
    },
}


def move(
    node: Node, *, to: NodeStatus, reason: Reason, actor: Actor, now: datetime, detail: str = ""
) -> None:
    """Change a node's status and record why; the caller holds the row lock.

    :raises IllegalTransition: the table has no such move, or not for this reason.
    """
    source = NodeStatus(node.status)
    states.require(MOVES, of="node", source=source, target=to)
    if reason not in MOVES[source][to]:
        raise IllegalTransition(f"A node that is {source} does not become {to} by {reason}.")
    node.status, node.status_reason = to, detail[:300]
    node.save(update_fields=["status", "status_reason", "updated_at"])
    _record(node, source=source, reason=reason, actor=actor, now=now, detail=detail)


def note(node: Node, *, reason: Reason, actor: Actor, now: datetime, detail: str) -> None:
    """Record something that leaves the status as it is."""
    source = NodeStatus(node.status)
    _record(node, source=source, reason=reason, actor=actor, now=now, detail=detail)


def _record(
    node: Node, *, source: NodeStatus, reason: Reason, actor: Actor, now: datetime, detail: str
) -> None:
    NodeEvent.objects.create(
        node=node,
        from_status=source,
        to_status=node.status,
        reason_code=reason,
        reason=detail[:500],
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        created_at=now,
    )
    if actor.kind != ActorKind.PLATFORM:
        _audit(node, reason=reason, actor=actor, now=now, detail=detail)
    live.publish(f"node:{node.public_id}")
    kind = f"machine.{reason}"
    if kind in OF_PROVIDERS:
        cause = {"reason": reason, "from_status": source, "to_status": node.status}
        outbox.announce(
            node, provider=node.provider, kind=kind, text=detail, payload=cause, now=now
        )


def _audit(node: Node, *, reason: Reason, actor: Actor, now: datetime, detail: str) -> None:
    """Put what a person decided on the provider's audit trail too, with where the request came from."""
    audit.record(
        action=f"machine.{reason}",
        actor=actor,
        workspace_id=node.provider.workspace_id,
        resource=("machine", node.public_id),
        reason=detail,
        result={"machine": node.huid, "status": node.status},
        now=now,
    )
