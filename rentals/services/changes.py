"""A change of status with everything that follows from it, in the caller's transaction.

Expects the locks of docs/locking.md: the pod's row, and the node's row before it where `frees` says so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.actors import Actor, ActorKind
from marketplace.services import reservations
from rentals import terms, transitions
from rentals.engine import Observed
from rentals.models import ENDED, NodeWatch, Pod, PodStatus
from rentals.observations import started_mark
from rentals.reasons import Reason
from rentals.services import meter, receipts, templates, usage_facts

# Nobody means a container to run in these, so what the machine shows to be unused is given back.
IDLE: Final = frozenset(
    {
        PodStatus.STOPPED,
        PodStatus.REBOOT_FAILED,
        PodStatus.LOST,
        PodStatus.FAILED,
        PodStatus.REMOVED,
    }
)
# The pod's readiness ended at an unknown moment: nothing after the last proof is charged.
UNWITNESSED: Final = frozenset({PodStatus.UNREACHABLE, PodStatus.LOST})


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Where to, why, by whom and when.

    ``evidence`` is the proof that a charge will rest on; ``container`` is what the machine showed, None if nothing.
    """

    to: PodStatus
    reason: Reason
    actor: Actor
    now: datetime
    detail: str = ""
    error: str = ""
    evidence: str = ""
    container: Observed | None = None


def make(pod: Pod, change: Change) -> None:
    """Move a pod and do what the move entails: meter, reservation, receipt, facts of use, next look."""
    source = PodStatus(pod.status)
    if source is PodStatus.RUNNING:
        meter.close_interval(pod, at=_last_ready_moment(pod, change), evidence=change.reason.words)
    transitions.move(
        pod,
        to=change.to,
        reason=change.reason,
        actor=change.actor,
        now=change.now,
        detail=change.evidence or change.detail,
        error=change.error,
    )
    give_back(pod, change.container, now=change.now)
    _stamp(pod, source, change)
    if change.to is PodStatus.RUNNING:
        meter.open_interval(pod, at=change.now, evidence=change.evidence)
        _watch(pod, change.now)
    if change.to in ENDED:
        templates.forget_one_time(pod.template_id, now=change.now)
        if not hasattr(pod, "receipt"):
            receipts.write(pod, change.now)
            usage_facts.record_ended(pod.pk)


def give_back(pod: Pod, shown: Observed | None, *, now: datetime) -> None:
    """Give back what the machine shows to be unused: all with the container gone, GPUs while it is stopped.

    The only place that does. Without evidence nothing is given back: another pod's GPUs may be in use.
    """
    if pod.status not in IDLE or shown is None or shown.running:
        return
    if shown.exists:
        reservations.release_gpus(holder=pod.public_id, now=now)
        # What runs after this is a new run, though one that never proved itself came between.
        pod.container_started_at = started_mark(shown)
        pod.save(update_fields=["container_started_at"])
    else:
        reservations.release(holder=pod.public_id, now=now)
        pod.gone_at = pod.gone_at or now
        pod.save(update_fields=["gone_at"])


_DEADLINES: Final = {
    PodStatus.REBOOTING: terms.REBOOT_DEADLINE,
    PodStatus.STARTING: terms.START_DEADLINE,
}
_RESTS: Final = {
    PodStatus.RUNNING: terms.RECOUNT_INTERVAL,
    # The probe of its node looks after it.
    PodStatus.UNREACHABLE: terms.FAR,
    PodStatus.STOPPED: terms.FAR,
    PodStatus.REMOVED: terms.FAR,
}


def _stamp(pod: Pod, source: PodStatus, change: Change) -> None:
    now = change.now
    if source is PodStatus.PENDING:
        pod.phase_seconds = phase_times(pod, now)
    if change.to is PodStatus.RUNNING:
        pod.ready_at = pod.ready_at or now
    elif change.to is PodStatus.STOPPED:
        pod.stopped_at = now
    elif change.to is PodStatus.REMOVED:
        pod.removed_at = now
    deadline = _DEADLINES.get(change.to)
    pod.deadline_at = now + deadline if deadline else None
    pod.next_look_at = next_look(pod, now)
    pod.save(
        update_fields=[
            "phase_seconds",
            "ready_at",
            "stopped_at",
            "removed_at",
            "deadline_at",
            "next_look_at",
        ]
    )


def phase_times(pod: Pod, now: datetime) -> dict[str, float]:
    """Give how long each phase of a start took, the present one included."""
    lasted = (now - pod.phase_since).total_seconds() + pod.phase_seconds.get(pod.phase, 0)
    return {**pod.phase_seconds, pod.phase: round(lasted, 3)}


def next_look(pod: Pod, now: datetime, wait: timedelta | None = None) -> datetime:
    """Give the time of the next look: after ``wait``, or when the scheduled end comes before."""
    rest = wait if wait is not None else _RESTS.get(PodStatus(pod.status), timedelta())
    scheduled = pod.removal_scheduled_at
    return min(now + rest, scheduled) if scheduled and scheduled > now else now + rest


def _watch(pod: Pod, now: datetime) -> None:
    """Let the node's next look come soon: charges go no further than the last good probe."""
    soon = now + terms.PROBE_INTERVAL
    NodeWatch.objects.filter(node_id=pod.node_id, next_look_at__gt=soon).update(next_look_at=soon)


def _last_ready_moment(pod: Pod, change: Change) -> datetime:
    last = pod.last_proof_at or change.now
    found_ended = change.to is PodStatus.REBOOTING and change.actor.kind is ActorKind.PLATFORM
    if change.to in UNWITNESSED or found_ended or change.now - last > meter.LONGEST_GAP:
        return last
    return change.now
