"""What to do next with a pod: a pure function of its row and of what was seen (docs/lifecycle.md)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.conf import settings

from rentals import terms
from rentals.engine import Observed
from rentals.models import Phase, PodStatus
from rentals.observations import (
    Contact,
    Proof,
    Seen,
    Subject,
    exit_text,
    gpu_text,
    proves,
    started_mark,
)
from rentals.reasons import Reason


class Action(StrEnum):
    """What one step does; the first group touches the machine and may be repeated."""

    LOOK = "look"
    CREATE = "create"
    PULL = "pull"
    START = "start"
    RESTART = "restart"
    STOP = "stop"
    REMOVE = "remove"
    PROBE = "probe"

    ABANDON = "abandon"
    MOVE = "move"
    KEEP = "keep"
    WAIT = "wait"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step: the action, and where it leads."""

    action: Action
    to: PodStatus | None = None
    reason: Reason | None = None
    detail: str = ""
    wait: timedelta = timedelta()
    doubt: bool = False


def decide(pod: Subject, seen: Seen, *, now: datetime) -> Step:
    """Choose the next step for a pod."""
    if _is_due_to_end(pod, now):
        return _move(PodStatus.REMOVING, Reason.REMOVED_ON_SCHEDULE)
    return _DECIDERS[pod.status](pod, seen, now)


def _pending(pod: Subject, seen: Seen, now: datetime) -> Step:
    if refusal := _start_refusal(pod, seen, now):
        return _abandon(PodStatus.FAILED, refusal, seen)
    if seen.contact in _NO_ANSWER:
        return _try_later(pod, seen)
    if seen.image_missing:
        return Step(action=Action.PULL)
    container = seen.container
    if container is None or not container.exists or container.status == "created":
        return Step(action=Action.CREATE)
    if not container.running:
        return _abandon(PodStatus.FAILED, Reason.PROGRAM_ENDED, seen)
    return _prove(pod, seen, Reason.PROVEN)


def _starting(pod: Subject, seen: Seen, now: datetime) -> Step:
    return _restarting(pod, seen, now, failed=PodStatus.STOPPED, gone=Reason.DATA_GONE)


def _rebooting(pod: Subject, seen: Seen, now: datetime) -> Step:
    return _restarting(pod, seen, now, failed=PodStatus.REBOOT_FAILED, gone=Reason.LOST_CONTAINER)


def _restarting(
    pod: Subject, seen: Seen, now: datetime, *, failed: PodStatus, gone: Reason
) -> Step:
    container = seen.container
    if container and not container.exists:
        return _move(failed, gone)
    if refusal := _restart_refusal(pod, seen, now):
        return _abandon(failed, refusal, seen)
    if seen.contact in _NO_ANSWER:
        return _try_later(pod, seen)
    if container is None:
        return Step(action=Action.LOOK)
    fresh = started_mark(container) != pod.container_started_at
    if container.running and fresh:
        return _prove(pod, seen, Reason.PROVEN)
    if container.running:
        return Step(action=Action.RESTART)
    if fresh and container.started_at:
        return _move(failed, Reason.PROGRAM_ENDED, detail=exit_text(container))
    return Step(action=Action.START)


def _running(pod: Subject, seen: Seen, now: datetime) -> Step:
    if seen.contact in _NO_ANSWER:
        return _doubt(pod, _silence(seen))
    if seen.trouble:
        return _doubt(pod, _meaning(seen.trouble))
    container = seen.container
    if container is None:
        return Step(action=Action.LOOK)
    if not container.exists:
        return _move(PodStatus.LOST, Reason.LOST_CONTAINER)
    if not container.running:
        return _move(PodStatus.REBOOTING, _exit_reason(container), detail=exit_text(container))
    if started_mark(container) != pod.container_started_at:
        return _move(PodStatus.REBOOTING, Reason.CONTAINER_RESTARTED)
    if seen.proof is None:
        return Step(action=Action.PROBE)
    if proves(pod, seen.proof):
        return Step(action=Action.KEEP)
    if seen.proof.gpus is not None and seen.proof.gpus != pod.gpus:
        return _move(PodStatus.UNREACHABLE, Reason.GPUS_MISSING, detail=gpu_text(pod, seen.proof))
    return _doubt(pod, Reason.SSH_SILENT)


def _unreachable(pod: Subject, seen: Seen, now: datetime) -> Step:
    container = seen.container
    if container and not container.exists:
        return _move(PodStatus.LOST, Reason.LOST_CONTAINER)
    if container and container.running and seen.proof and proves(pod, seen.proof):
        return _move(PodStatus.RUNNING, Reason.RECOVERED)
    # Counted from when we lost sight: while the market itself was down, nobody looked.
    overdue = now - pod.status_since > settings.MARKET_LOST_AFTER
    blind = seen.contact in _NO_ANSWER or seen.trouble
    if container is None and not blind:
        return Step(action=Action.LOOK)
    if container and not container.running:
        return Step(action=Action.START)
    if container and seen.proof is None:
        return Step(action=Action.PROBE)
    if overdue:
        return _move(PodStatus.LOST, Reason.LOST_MACHINE, detail=seen.error)
    return _wait(terms.PROBE_INTERVAL)


def _stopping(pod: Subject, seen: Seen, now: datetime) -> Step:
    if seen.container and not seen.container.exists:
        return _move(PodStatus.STOPPED, Reason.DATA_GONE)
    if seen.container and not seen.container.running:
        return _move(PodStatus.STOPPED, Reason.COMPUTE_STOPPED)
    if seen.contact in _NO_ANSWER or seen.trouble:
        return _try_later(pod, seen)
    return Step(action=Action.STOP)


def _removing(pod: Subject, seen: Seen, now: datetime) -> Step:
    if seen.container and not seen.container.exists:
        return _move(PodStatus.REMOVED, Reason.CONTAINER_GONE_AS_ASKED)
    if seen.contact in _NO_ANSWER or seen.trouble:
        return _try_later(pod, seen)
    return Step(action=Action.REMOVE)


def _lost(pod: Subject, seen: Seen, now: datetime) -> Step:
    if now - pod.status_since > settings.MARKET_DATA_GRACE:
        return _move(PodStatus.REMOVING, Reason.REMOVED_DATA_GRACE)
    if seen.contact in _NO_ANSWER or seen.trouble:
        return _wait(terms.LONGEST_BACKOFF)
    if seen.container is None:
        return Step(action=Action.LOOK)
    # It is not charged any more, so it must not compute; its files stay until it is removed.
    return Step(action=Action.STOP) if seen.container.running else _wait(terms.RECOUNT_INTERVAL)


def _failed(pod: Subject, seen: Seen, now: datetime) -> Step:
    left = pod.status_since + settings.MARKET_FAILED_SHOWN - now
    if left <= timedelta():
        return _move(PodStatus.REMOVED, Reason.ENDED_UNSTARTED)
    return _wait(left)


def _resting(pod: Subject, seen: Seen, now: datetime) -> Step:
    return _wait(terms.FAR)


_DECIDERS: Final[Mapping[PodStatus, Callable[[Subject, Seen, datetime], Step]]] = {
    PodStatus.PENDING: _pending,
    PodStatus.RUNNING: _running,
    PodStatus.UNREACHABLE: _unreachable,
    PodStatus.REBOOTING: _rebooting,
    PodStatus.REBOOT_FAILED: _resting,
    PodStatus.STOPPING: _stopping,
    PodStatus.STOPPED: _resting,
    PodStatus.STARTING: _starting,
    PodStatus.LOST: _lost,
    PodStatus.FAILED: _failed,
    PodStatus.REMOVING: _removing,
    PodStatus.REMOVED: _resting,
}
_NO_ANSWER: Final = frozenset({Contact.SILENT, Contact.REFUSED, Contact.ENGINE_SILENT})
_ENDED: Final = frozenset({PodStatus.FAILED, PodStatus.REMOVING, PodStatus.REMOVED})
_TOO_LATE: Final = {
    Phase.RESERVED: Reason.STARTED_TOO_LATE,
    Phase.CONNECTING: Reason.MACHINE_UNREACHABLE,
    Phase.IMAGE: Reason.IMAGE_TOO_SLOW,
    Phase.CONTAINER: Reason.ENGINE_FAILED,
    Phase.SSH: Reason.SSH_TOO_LATE,
}


def _is_due_to_end(pod: Subject, now: datetime) -> bool:
    scheduled = pod.removal_scheduled_at
    return bool(scheduled and scheduled <= now and pod.status not in _ENDED)


def _start_refusal(pod: Subject, seen: Seen, now: datetime) -> Reason | None:
    if seen.trouble:
        return seen.trouble
    if seen.proof and (fault := _fault(pod, seen.proof)):
        return fault
    if seen.contact is Contact.REFUSED:
        return Reason.MACHINE_REFUSED
    if not _overdue(pod, now) or (seen.proof and proves(pod, seen.proof)):
        return None
    return Reason.MACHINE_UNREACHABLE if seen.contact in _NO_ANSWER else _TOO_LATE[pod.phase]


def _restart_refusal(pod: Subject, seen: Seen, now: datetime) -> Reason | None:
    if seen.trouble:
        return seen.trouble
    if seen.proof and (fault := _fault(pod, seen.proof)):
        return fault
    late = _overdue(pod, now) and not (seen.proof and proves(pod, seen.proof))
    return Reason.REBOOT_TOO_LATE if late else None


def _fault(pod: Subject, proof: Proof) -> Reason | None:
    if proof.host_key_matches is False:
        return Reason.WRONG_HOST_KEY
    if proof.gpus is not None and proof.gpus != pod.gpus:
        return Reason.GPUS_UNAVAILABLE
    return None


def _prove(pod: Subject, seen: Seen, reason: Reason) -> Step:
    if seen.proof is None:
        return Step(action=Action.PROBE)
    if proves(pod, seen.proof):
        return _move(PodStatus.RUNNING, reason)
    return Step(action=Action.LOOK)


def _doubt(pod: Subject, reason: Reason) -> Step:
    if pod.attempt + 1 >= terms.SILENT_LOOKS:
        return _move(PodStatus.UNREACHABLE, reason)
    return Step(action=Action.WAIT, reason=reason, wait=terms.DOUBT_INTERVAL, doubt=True)


def _try_later(pod: Subject, seen: Seen) -> Step:
    return Step(action=Action.WAIT, detail=seen.error, wait=terms.backoff(pod.attempt), doubt=True)


def _abandon(to: PodStatus, reason: Reason, seen: Seen) -> Step:
    detail = exit_text(seen.container) if seen.container and not seen.container.running else ""
    return Step(action=Action.ABANDON, to=to, reason=reason, detail=detail)


def _move(to: PodStatus, reason: Reason, detail: str = "") -> Step:
    return Step(action=Action.MOVE, to=to, reason=reason, detail=detail)


def _wait(wait: timedelta) -> Step:
    return Step(action=Action.WAIT, wait=wait)


def _overdue(pod: Subject, now: datetime) -> bool:
    return pod.deadline_at is not None and now > pod.deadline_at


def _silence(seen: Seen) -> Reason:
    engine = seen.contact is Contact.ENGINE_SILENT
    return Reason.ENGINE_SILENT if engine else Reason.MACHINE_SILENT


def _meaning(trouble: Reason) -> Reason:
    gpus = trouble is Reason.GPUS_UNAVAILABLE
    return Reason.GPUS_MISSING if gpus else Reason.ENGINE_SILENT


def _exit_reason(container: Observed) -> Reason:
    return Reason.OUT_OF_MEMORY if container.oom_killed else Reason.CONTAINER_EXITED
