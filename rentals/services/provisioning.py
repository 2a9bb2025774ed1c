"""Bringing a pod to where its row wants it: lease, look, one repeatable step, guarded apply (docs/lifecycle.md)."""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db.models import F
from django.db.models.functions import Least

from core import clock, leases, live
from core.clock import Clock
from marketplace.machine import MachineError, session
from marketplace.selectors.notices import last_maintenance
from marketplace.services.machines import machine_address
from rentals import faults, terms
from rentals.actions import Action, Step, phase_of, wait
from rentals.decisions import decide
from rentals.models import ENDED, RESTARTING, TO_PROVE_AGAIN, Phase, Pod, PodStatus
from rentals.observations import GONE, UNSEEN, Seen, Subject
from rentals.reasons import reason_of
from rentals.services import (
    applying,
    changes,
    receipts,
    reporting,
    silences,
    steps,
    suspicion,
    turns,
)

log = structlog.get_logger(__name__)

# Nothing is left to do at once in these; the next look is on their row.
RESTING: Final = frozenset(
    {
        PodStatus.RUNNING,
        PodStatus.UNREACHABLE,
        PodStatus.STOPPED,
        PodStatus.REMOVED,
    }
)
_ON_THE_ROW: Final = frozenset({Action.MOVE, Action.KEEP, Action.GIVE_BACK, Action.EXPLAIN})
MOST_ATTEMPTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a pod for now."""

    pk: int
    token: UUID
    now: Clock


def reconcile(*, pod_id: UUID, now: Clock = clock.now) -> None:
    """Take a pod as far as it goes now; may be repeated, and may end anywhere."""
    pk = Pod.objects.filter(public_id=pod_id).values_list("pk", flat=True).first()
    if pk is None:
        return
    with leases.held(Pod.objects.all(), pk=pk, now=now) as token:
        if token:
            faults.point("rent.claimed")
            _drive(Claim(pk, token, now))


def subject_of(pod: Pod, *, now: datetime) -> Subject:
    """Give the part of a pod's row that decisions rest on."""
    # What waits for a machine that is away in a maintenance is not given up for it.
    waits = pod.status in TO_PROVE_AGAIN
    away = last_maintenance(pod.node_id, now=now) if waits else None
    return Subject(
        status=PodStatus(pod.status),
        status_since=pod.status_since,
        phase=Phase(pod.phase),
        deadline_at=pod.deadline_at,
        attempt=pod.attempt,
        reason=reason_of(pod.status_reason_code),
        removal_scheduled_at=pod.removal_scheduled_at,
        container_started_at=pod.container_started_at,
        gpus=frozenset(pod.gpu_uuids),
        holds_gpus=pod.holds_gpus,
        is_gone=pod.gone_at is not None,
        away_until=away.ends_at if away else None,
        unproven=silences.unproven(pod, now=now) if waits else timedelta(),
    )


def _drive(claim: Claim) -> None:
    seen, ends = UNSEEN, time.monotonic() + terms.WORK_SECONDS
    while time.monotonic() < ends:
        pod = _load(claim)
        if pod is None:
            return
        if _was_never_made(pod):
            seen = replace(seen, container=GONE)
        step = decide(subject_of(pod, now=claim.now()), seen, now=claim.now())
        if suspicion.withholds(step, seen, node_id=pod.node_id, now=claim.now()):
            step = Step(action=Action.WAIT, wait=terms.DOUBT_INTERVAL)
        if step.action is Action.WAIT:
            if pod.status in RESTARTING:
                silences.note_blind(pod, now=claim.now())
            _put_off(claim, pod, step)
            return
        if step.action not in _ON_THE_ROW:
            with _turn(pod, step.action) as has_turn:
                if not has_turn:
                    _wait_for_turn(claim, pod, step.action)
                    return
                seen = _act(claim, pod, step.action, seen)
        elif _settle_and_apply(claim, pod, step, seen):
            return
        else:
            seen = seen.after_a_move()
    log.info("pod.work_goes_on", pod=claim.pk)


def _turn(pod: Pod, action: Action) -> AbstractContextManager[bool]:
    return turns.pulling(pod) if action is Action.PULL else nullcontext(True)


def _wait_for_turn(claim: Claim, pod: Pod, action: Action) -> None:
    """Leave the thread to others; the wait is part of the phase, whose deadline begins with the turn."""
    phase = phase_of(action)
    if _enter(claim, pod, phase):
        begins = claim.now() + terms.PHASE_DEADLINES[phase]
        _put_off(claim, pod, wait(terms.TURN_INTERVAL), deadline_at=begins)


def _load(claim: Claim) -> Pod | None:
    rows = Pod.objects.with_hold().select_related("node__provider", "template")
    mine = rows.filter(pk=claim.pk, lease_token=claim.token)
    return mine.prefetch_related("ports").first()


def _was_never_made(pod: Pod) -> bool:
    """Say that no container can exist, for the phase is written before the engine is asked for one."""
    return pod.ready_at is None and Phase(pod.phase).is_before(Phase.CONTAINER)


def _act(claim: Claim, pod: Pod, action: Action, seen: Seen) -> Seen:
    try:
        if not _enter(claim, pod, Phase.CONNECTING):
            return seen
        with session(machine_address(pod.node), timeout=terms.CONNECT_SECONDS) as machine:
            if not _enter(claim, pod, phase_of(action)):
                return seen
            if action is Action.PROBE and pod.status in RESTARTING:
                silences.note_run(pod, now=claim.now())
            return steps.take(action, machine, pod, seen)
    except MachineError as error:
        return steps.trouble(seen, error)


def _enter(claim: Claim, pod: Pod, phase: Phase) -> bool:
    """Write the phase that a start has come to, once and with its deadline; False when the row has moved on."""
    if pod.status != PodStatus.PENDING or not Phase(pod.phase).is_before(phase):
        return True
    now = claim.now()
    pod.phase_seconds = changes.phase_times(pod, now)
    pod.phase, pod.phase_since = phase, now
    pod.deadline_at = now + terms.PHASE_DEADLINES[phase]
    rows = Pod.objects.filter(pk=pod.pk, lease_token=claim.token, status=pod.status)
    entered = rows.update(
        phase=phase,
        phase_since=now,
        phase_seconds=pod.phase_seconds,
        deadline_at=pod.deadline_at,
    )
    live.publish(f"pod:{pod.public_id}")
    return bool(entered)


def _put_off(claim: Claim, pod: Pod, step: Step, **changed: Any) -> None:
    changed["next_look_at"] = changes.next_look(pod, claim.now(), step.wait)
    if step.doubt:
        counted = Least(F("attempt") + 1, MOST_ATTEMPTS)
        changed |= {"attempt": counted, "last_error": step.detail}
    rows = Pod.objects.filter(pk=pod.pk, lease_token=claim.token, status=pod.status)
    rows.update(**changed)


def _settle_and_apply(claim: Claim, pod: Pod, step: Step, seen: Seen) -> bool:
    """Apply a step to the row; True when there is nothing more to do at once."""
    if step.to in ENDED:
        faults.point("remove.container_gone")
        receipts.settle(pod, now=claim.now())
        faults.point("remove.settled")
    elif step.to is PodStatus.RUNNING:
        faults.point("rent.proven")
    guard = applying.guard_of(pod, claim.token)
    fresh = applying.apply(pod, guard, step, seen, now=claim.now())
    if fresh is None:
        return False
    faults.point("remove.freed" if step.to in ENDED else "rent.running")
    if step.to:
        reporting.tell_market(fresh, source=PodStatus(pod.status), now=claim.now())
    return PodStatus(fresh.status) in RESTING
