"""Writing what a step led to: under the locks, and only while the lease and the status still hold."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from django.db import transaction

from core.actors import PLATFORM
from marketplace.models import Node
from rentals import transitions
from rentals.actions import Action, Step
from rentals.models import Pod, PodStatus
from rentals.observations import Readiness, Seen, started_mark
from rentals.reasons import Reason
from rentals.services import changes, evidence, meter

_ON_THE_POD_ALONE: Final = frozenset({Action.KEEP, Action.EXPLAIN})


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """What must still be so for a result to count; ``token`` None asks that nobody holds the lease."""

    status: PodStatus
    status_since: datetime
    reason_code: str
    token: UUID | None


def guard_of(pod: Pod, token: UUID | None) -> Guard:
    """Remember a row as it was when the work on it began."""
    return Guard(
        status=PodStatus(pod.status),
        status_since=pod.status_since,
        reason_code=pod.status_reason_code,
        token=token,
    )


def apply(pod: Pod, guard: Guard, step: Step, seen: Seen, *, now: datetime) -> Pod | None:
    """Apply a step to a pod's row, or give None when the row has moved on meanwhile."""
    with transaction.atomic(durable=True):
        if step.action not in _ON_THE_POD_ALONE:
            # docs/locking.md: whatever may give GPUs back takes the node before the pod.
            Node.objects.select_for_update(no_key=True).get(pk=pod.node_id)
        fresh = _locked(pod.pk, guard)
        if fresh is None:
            return None
        if step.action is Action.KEEP:
            _keep(fresh, seen, now)
        elif step.action is Action.GIVE_BACK:
            _give_back(fresh, seen, now)
        elif step.action is Action.EXPLAIN:
            _explain(fresh, step, seen, now)
        else:
            _change(fresh, step, seen, now)
        return fresh


def _locked(pk: int, guard: Guard) -> Pod | None:
    rows = Pod.objects.select_for_update(no_key=True, of=("self",))
    return (
        rows.select_related("workspace", "node")
        .filter(
            pk=pk,
            lease_token=guard.token,
            status=guard.status,
            status_since=guard.status_since,
            status_reason_code=guard.reason_code,
        )
        .first()
    )


def _keep(pod: Pod, seen: Seen, now: datetime) -> None:
    meter.prove(pod, at=now, evidence=evidence.text(pod, cast(Readiness, seen.readiness)))
    pod.attempt, pod.last_error = 0, ""
    pod.next_look_at = changes.next_look(pod, now)
    pod.save(update_fields=["attempt", "last_error", "next_look_at"])


def _give_back(pod: Pod, seen: Seen, now: datetime) -> None:
    changes.give_back(pod, seen.container, now=now)
    transitions.record(
        pod,
        sub_type="pod-lifecycle.given_back",
        reason=Reason.GIVEN_BACK,
        actor=PLATFORM,
        now=now,
    )


def _explain(pod: Pod, step: Step, seen: Seen, now: datetime) -> None:
    why = cast(Reason, step.reason)
    transitions.explain(pod, reason=why, actor=PLATFORM, now=now, error=seen.error)
    pod.next_look_at = changes.next_look(pod, now)
    pod.save(update_fields=["next_look_at"])


def _change(pod: Pod, step: Step, seen: Seen, now: datetime) -> None:
    to, proven = cast(PodStatus, step.to), ""
    if to is PodStatus.RUNNING and seen.readiness and seen.container:
        proven = evidence.text(pod, seen.readiness)
        pod.container_started_at = started_mark(seen.container)
        pod.save(update_fields=["container_started_at"])
    change = changes.Change(
        to=to,
        reason=cast(Reason, step.reason),
        actor=PLATFORM,
        now=now,
        detail=step.detail,
        error=seen.error,
        evidence=proven,
        container=seen.container,
    )
    changes.make(pod, change)
