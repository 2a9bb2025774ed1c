"""The only place that assigns ``Pod.status`` (docs/lifecycle.md)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from core import live, states
from core.actors import Actor
from rentals import renter_events
from rentals.models import Pod, PodEvent, PodStatus
from rentals.reasons import Reason

S = PodStatus
ALLOWED: Final[Mapping[PodStatus, frozenset[PodStatus]]] = {
    S.PENDING: frozenset({S.RUNNING, S.FAILED, S.REMOVING}),
    S.RUNNING: frozenset({S.UNREACHABLE, S.REBOOTING, S.STOPPING, S.REMOVING, S.LOST}),
    S.UNREACHABLE: frozenset({S.RUNNING, S.REBOOTING, S.STOPPING, S.LOST, S.REMOVING}),
    S.REBOOTING: frozenset({S.RUNNING, S.REBOOT_FAILED, S.REMOVING}),
    S.REBOOT_FAILED: frozenset({S.REBOOTING, S.REMOVING}),
    S.STOPPING: frozenset({S.STOPPED, S.REMOVING}),
    S.STOPPED: frozenset({S.STARTING, S.REMOVING}),
    S.STARTING: frozenset({S.RUNNING, S.STOPPING, S.REMOVING}),
    S.LOST: frozenset({S.REMOVING}),
    S.FAILED: frozenset({S.REMOVING, S.REMOVED}),
    S.REMOVING: frozenset({S.REMOVED}),
    S.REMOVED: frozenset(),
}

# As `GET /pods` says it; a removing or removed pod is in no listing.
WIRE_STATUS: Final[Mapping[PodStatus, str]] = {
    S.PENDING: "PENDING",
    S.RUNNING: "RUNNING",
    S.UNREACHABLE: "RUNNING",
    S.REBOOTING: "REBOOT_PENDING",
    S.REBOOT_FAILED: "REBOOT_FAILED",
    S.STOPPING: "STOPPED",
    S.STOPPED: "STOPPED",
    S.STARTING: "PENDING",
    S.LOST: "BROKEN",
    S.FAILED: "CREATION_FAILED",
    S.REMOVING: "DELETING",
    S.REMOVED: "REMOVED",
}

EXPLAINED: Final = "pod-lifecycle.explained"
# What `explain` and `move` write of a pod.
WHY: Final = ("status_reason_code", "status_reason", "updated_at")
MOVED: Final = (
    *WHY,
    "status",
    "status_since",
    "attempt",
    "last_error",
)


def move(
    pod: Pod,
    *,
    to: PodStatus,
    reason: Reason,
    actor: Actor,
    now: datetime,
    detail: str = "",
    error: str = "",
) -> None:
    """Change a pod's status and record why; the caller holds the row lock.

    :raises IllegalTransition: the table has no such move.
    """
    source = PodStatus(pod.status)
    states.require(ALLOWED, of="pod", source=source, target=to)
    record(
        pod,
        sub_type="pod-lifecycle.status",
        reason=reason,
        actor=actor,
        now=now,
        source=source,
        target=to,
        detail=detail,
        error=error,
    )
    _give_reason(pod, reason)
    pod.status = to
    pod.status_since = now
    pod.attempt = 0
    pod.last_error = ""
    pod.save(update_fields=MOVED)
    renter_events.tell_of_move(pod, source=source, reason=reason, actor=actor, now=now)


def explain(pod: Pod, *, reason: Reason, actor: Actor, now: datetime, error: str = "") -> None:
    """Say anew why a pod has its status, and record it; the caller holds the row lock."""
    record(pod, sub_type=EXPLAINED, reason=reason, actor=actor, now=now, error=error)
    _give_reason(pod, reason)
    pod.save(update_fields=WHY)


def _give_reason(pod: Pod, reason: Reason) -> None:
    pod.status_reason_code = reason.code
    pod.status_reason = reason.words


def record(
    pod: Pod,
    *,
    sub_type: str,
    reason: Reason,
    actor: Actor,
    now: datetime,
    source: PodStatus | str = "",
    target: PodStatus | str = "",
    detail: str = "",
    error: str = "",
) -> PodEvent:
    """Write an event and tell open pages; the type is the sub-type's family."""
    live.publish(f"pod:{pod.public_id}")
    return PodEvent.objects.create(
        pod=pod,
        type=sub_type.partition(".")[0],
        sub_type=sub_type,
        from_status=source,
        to_status=target,
        reason_code=reason.code,
        reason=reason.words,
        detail=detail,
        error=error,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        occurred_at=now,
    )
