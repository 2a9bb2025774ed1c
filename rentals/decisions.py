"""What to do next with a pod: a pure function of its row and of what was seen (docs/lifecycle.md)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings

from rentals import terms
from rentals.actions import Action, Step, explain, move, phase_of, wait
from rentals.engine import Observed
from rentals.keeping import kept_for
from rentals.models import OVER, Phase, PodStatus
from rentals.observations import (
    Contact,
    Readiness,
    Seen,
    Subject,
    exit_reason,
    exit_text,
    gpu_text,
    proves,
    runs_unproven,
    silence_reason,
    started_mark,
)
from rentals.reasons import UNPROVEN, Reason


def decide(pod: Subject, seen: Seen, *, now: datetime) -> Step:
    """Choose the next step for a pod."""
    if _is_due_to_end(pod, now):
        return move(PodStatus.REMOVING, Reason.REMOVED_ON_SCHEDULE)
    return _DECIDERS[pod.status](pod, seen, now)


def _pending(pod: Subject, seen: Seen, now: datetime) -> Step:
    fail = partial(_fail, PodStatus.FAILED, seen)
    if fault := _fault(pod, seen):
        return fail(fault)
    if seen.contact is Contact.REFUSED:
        return fail(Reason.MACHINE_REFUSED)
    late = fail(_lateness(pod, seen)) if _overdue(pod, now) else None
    if seen.contact in _NO_ANSWER:
        return late or _try_later(pod, seen)
    container = seen.container
    if container is None:
        return Step(action=Action.LOOK)
    if container.running:
        return _prove(pod, seen, late)
    if container.exists and container.status != "created":
        return fail(Reason.PROGRAM_ENDED)
    making = Step(action=_making(seen))
    # Late is what the machine was asked for and did not do, not what waited for us, nor what is done by now.
    asked = seen.contact is not Contact.UNTRIED
    is_on = pod.phase.is_before(phase_of(making.action))
    return late if late and asked and not is_on else making


def _making(seen: Seen) -> Action:
    if seen.image_missing:
        return Action.PULL
    return Action.CREATE if seen.image else Action.FIND_IMAGE


def _starting(pod: Subject, seen: Seen, now: datetime) -> Step:
    return _restarting(pod, seen, now, failed=PodStatus.STOPPING, gone=Reason.DATA_GONE)


def _rebooting(pod: Subject, seen: Seen, now: datetime) -> Step:
    return _restarting(pod, seen, now, failed=PodStatus.REBOOT_FAILED, gone=Reason.LOST_CONTAINER)


def _restarting(
    pod: Subject, seen: Seen, now: datetime, *, failed: PodStatus, gone: Reason
) -> Step:
    container = seen.container
    if container and not container.exists:
        return move(failed, gone)
    if fault := _fault(pod, seen):
        return _fail(failed, seen, fault)
    late = None
    if _was_unproven_too_long(pod, seen, now):
        late = _fail(failed, seen, Reason.STOPPED_SILENT)
    elif _overdue(pod, now) and not _is_away(pod, now):
        late = _fail(failed, seen, _lateness(pod, seen))
    if seen.contact in _NO_ANSWER:
        return late or _try_later(pod, seen)
    if container is None:
        return Step(action=Action.LOOK)
    fresh = started_mark(container) != pod.container_started_at
    if container.running and fresh:
        return _prove(pod, seen, late)
    if fresh and container.started_at:
        return _fail(failed, seen, Reason.PROGRAM_ENDED)
    return late or Step(action=Action.RESTART if container.running else Action.START)


def _running(pod: Subject, seen: Seen, now: datetime) -> Step:
    if _is_blind(seen):
        return _doubt(pod, _cause(pod, seen))
    container = seen.container
    if container is None:
        return Step(action=Action.LOOK)
    if not container.exists:
        return move(PodStatus.LOST, Reason.LOST_CONTAINER)
    if not container.running:
        return _restart(seen, container)
    if started_mark(container) != pod.container_started_at:
        return move(PodStatus.REBOOTING, Reason.CONTAINER_RESTARTED)
    if seen.readiness is None:
        return Step(action=Action.PROBE)
    if proves(pod, seen.readiness):
        return Step(action=Action.KEEP)
    cause = _cause(pod, seen)
    if cause is Reason.GPUS_MISSING:
        return move(PodStatus.UNREACHABLE, cause, detail=gpu_text(pod, seen.readiness))
    return _doubt(pod, cause)


def _unreachable(pod: Subject, seen: Seen, now: datetime) -> Step:
    container = seen.container
    if container and not container.exists:
        return move(PodStatus.LOST, Reason.LOST_CONTAINER)
    if container and container.running and seen.readiness and proves(pod, seen.readiness):
        if _had_no_minutes(pod, now):
            return move(PodStatus.STOPPING, Reason.STOPPED_SILENT)
        return move(PodStatus.RUNNING, Reason.RECOVERED)
    if container and not container.running:
        return _restart(seen, container)
    if container is None and not _is_blind(seen):
        return Step(action=Action.LOOK)
    if container and seen.readiness is None:
        return Step(action=Action.PROBE)
    if _was_unproven_too_long(pod, seen, now):
        return move(PodStatus.STOPPING, Reason.STOPPED_SILENT)
    # Counted from when we lost sight: while the market itself was down, nobody looked. Nor is a maintenance counted.
    since = max(pod.status_since, pod.away_until or pod.status_since)
    if now - since > settings.MARKET_LOST_AFTER:
        return move(PodStatus.LOST, Reason.LOST_MACHINE, detail=seen.error)
    cause = _cause(pod, seen)
    if (cause in UNPROVEN) != (pod.reason in UNPROVEN):
        return explain(cause)
    return wait(terms.PROBE_INTERVAL)


def _was_unproven_too_long(pod: Subject, seen: Seen, now: datetime) -> bool:
    """Say whether a pod computed unbilled for too long, and does now, though its machine is well."""
    if not runs_unproven(pod, seen) or _is_away(pod, now):
        return False
    return pod.unproven > settings.MARKET_SSH_SILENCE


def _had_no_minutes(pod: Subject, now: datetime) -> bool:
    """Say whether a pod fell silent without minutes: with a proof after each silence it would run unbilled for ever."""
    before = pod.unproven - (now - pod.status_since)
    return pod.reason in UNPROVEN and before > settings.MARKET_SSH_SILENCE


def _stopping(pod: Subject, seen: Seen, now: datetime) -> Step:
    if seen.container and not seen.container.exists:
        return move(PodStatus.STOPPED, Reason.DATA_GONE)
    if seen.container and not seen.container.running:
        # Where a start failed, its reason says more than the stop that followed from it.
        told = None if pod.reason in _STOPS_ASKED_FOR else pod.reason
        return move(PodStatus.STOPPED, told or Reason.COMPUTE_STOPPED)
    return _try_later(pod, seen) if _is_blind(seen) else Step(action=Action.STOP)


def _removing(pod: Subject, seen: Seen, now: datetime) -> Step:
    if seen.container and not seen.container.exists:
        return move(PodStatus.REMOVED, Reason.CONTAINER_GONE_AS_ASKED)
    return _try_later(pod, seen) if _is_blind(seen) else Step(action=Action.REMOVE)


def _stopped(pod: Subject, seen: Seen, now: datetime) -> Step:
    """Keep the files for a while: they hold ports and disk that nobody pays for."""
    left = pod.status_since + (kept_for(pod.status) or timedelta()) - now
    if left <= timedelta():
        return move(PodStatus.REMOVING, Reason.REMOVED_DATA_GRACE)
    return wait(min(left, terms.FAR))


def _given_up(pod: Subject, seen: Seen, now: datetime) -> Step:
    """Keep the files as of a stopped pod and nothing else: what is not charged must not compute."""
    rest = _stopped(pod, seen, now)
    if rest.to or not pod.holds_gpus:
        return rest
    if seen.container and not seen.container.running:
        return Step(action=Action.GIVE_BACK)
    return _try_later(pod, seen) if _is_blind(seen) else Step(action=Action.STOP)


def _failed(pod: Subject, seen: Seen, now: datetime) -> Step:
    left = pod.status_since + settings.MARKET_FAILED_SHOWN - now
    if left <= timedelta():
        to = PodStatus.REMOVED if pod.is_gone else PodStatus.REMOVING
        return move(to, Reason.ENDED_UNSTARTED)
    if pod.is_gone:
        return wait(left)
    if seen.container and not seen.container.exists:
        return Step(action=Action.GIVE_BACK)
    return _try_later(pod, seen) if _is_blind(seen) else Step(action=Action.REMOVE)


def _removed(pod: Subject, seen: Seen, now: datetime) -> Step:
    return wait(terms.FAR)


_DECIDERS: Final[Mapping[PodStatus, Callable[[Subject, Seen, datetime], Step]]] = {
    PodStatus.PENDING: _pending,
    PodStatus.RUNNING: _running,
    PodStatus.UNREACHABLE: _unreachable,
    PodStatus.REBOOTING: _rebooting,
    PodStatus.REBOOT_FAILED: _given_up,
    PodStatus.STOPPING: _stopping,
    PodStatus.STOPPED: _stopped,
    PodStatus.STARTING: _starting,
    PodStatus.LOST: _given_up,
    PodStatus.FAILED: _failed,
    PodStatus.REMOVING: _removing,
    PodStatus.REMOVED: _removed,
}
_NO_ANSWER: Final = frozenset({Contact.SILENT, Contact.REFUSED, Contact.ENGINE_SILENT})
_TOO_LATE: Final = {
    Phase.RESERVED: Reason.STARTED_TOO_LATE,
    Phase.CONNECTING: Reason.MACHINE_UNREACHABLE,
    Phase.IMAGE: Reason.IMAGE_TOO_SLOW,
    # The engine answers and was perhaps never asked.
    Phase.CONTAINER: Reason.STARTED_TOO_LATE,
    Phase.SSH: Reason.SSH_TOO_LATE,
}
_STOPS_ASKED_FOR: Final = frozenset({Reason.STOPPED_BY_RENTER, Reason.STOPPED_LOW_BALANCE})


def _is_due_to_end(pod: Subject, now: datetime) -> bool:
    scheduled = pod.removal_scheduled_at
    return bool(scheduled and scheduled <= now and pod.status not in OVER)


def _fault(pod: Subject, seen: Seen) -> Reason | None:
    """Name what waiting does not mend."""
    if seen.trouble:
        return seen.trouble
    if seen.readiness and seen.readiness.host_key_matches is False:
        return Reason.WRONG_HOST_KEY
    if seen.readiness and seen.readiness.gpus is not None and seen.readiness.gpus != pod.gpus:
        return Reason.GPUS_UNAVAILABLE
    return None


def _lateness(pod: Subject, seen: Seen) -> Reason:
    if seen.contact is Contact.ENGINE_SILENT:
        return Reason.ENGINE_FAILED
    if seen.contact in _NO_ANSWER:
        return Reason.MACHINE_UNREACHABLE
    is_first = pod.status is PodStatus.PENDING
    return _TOO_LATE[pod.phase] if is_first else Reason.REBOOT_TOO_LATE


def _prove(pod: Subject, seen: Seen, late: Step | None) -> Step:
    if seen.readiness is None:
        return Step(action=Action.PROBE)
    if proves(pod, seen.readiness):
        return move(PodStatus.RUNNING, Reason.PROVEN)
    return late or Step(action=Action.LOOK)


def _restart(seen: Seen, container: Observed) -> Step:
    reason = exit_reason(seen, container)
    return move(PodStatus.REBOOTING, reason, detail=exit_text(container))


def _doubt(pod: Subject, reason: Reason) -> Step:
    if pod.attempt + 1 >= terms.SILENT_LOOKS:
        return move(PodStatus.UNREACHABLE, reason)
    return Step(action=Action.WAIT, reason=reason, wait=terms.DOUBT_INTERVAL, doubt=True)


def _try_later(pod: Subject, seen: Seen) -> Step:
    return Step(action=Action.WAIT, detail=seen.error, wait=terms.backoff(pod.attempt), doubt=True)


def _fail(to: PodStatus, seen: Seen, reason: Reason) -> Step:
    detail = exit_text(seen.container) if seen.container and not seen.container.running else ""
    return move(to, reason, detail=detail)


def _is_away(pod: Subject, now: datetime) -> bool:
    """Say whether the machine is in a maintenance, for which nothing is given up."""
    return pod.away_until is not None and now < pod.away_until


def _overdue(pod: Subject, now: datetime) -> bool:
    return pod.deadline_at is not None and now > pod.deadline_at


def _cause(pod: Subject, seen: Seen) -> Reason:
    """Name who is silent, or what a pod whose machine is well lacks to be proven."""
    if seen.contact in _NO_ANSWER:
        return silence_reason(seen)
    if seen.trouble:
        return _meaning(seen.trouble)
    readiness = seen.readiness or Readiness()
    if readiness.gpus is not None and readiness.gpus != pod.gpus:
        return Reason.GPUS_MISSING
    other = readiness.banner and readiness.host_key_matches is False
    return Reason.WRONG_HOST_KEY if other else Reason.SSH_SILENT


def _meaning(trouble: Reason) -> Reason:
    gpus = trouble is Reason.GPUS_UNAVAILABLE
    return Reason.GPUS_MISSING if gpus else Reason.ENGINE_SILENT


def _is_blind(seen: Seen) -> bool:
    return seen.contact in _NO_ANSWER or seen.trouble is not None
