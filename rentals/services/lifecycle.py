"""What a renter wishes for a pod: written at once under the row's lock; the worker makes it so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.models import Scope
from accounts.principal import Principal
from billing.accounts import renter_account
from billing.ledger import lock_account
from core.actors import Actor
from core.errors import Conflict, DomainError, Invalid, NotFound
from marketplace.models import Node
from marketplace.services import reservations
from rentals import dispatch, faults, transitions
from rentals.access import pod_to_change
from rentals.models import UNLISTED, Pod, PodStatus
from rentals.reasons import UNPROVEN, Reason
from rentals.services import budgets, changes, floors, metering, silences
from rentals.services.changes import Change
from rentals.services.equivalents import not_free

LONGEST_SCHEDULE: Final = timedelta(days=366)
STOPS: Final = frozenset({PodStatus.STOPPING, PodStatus.STOPPED})


class NotNow(Conflict):
    """The pod's state does not allow this."""

    code = "wrong_state"


class PastTime(DomainError):
    """A scheduled end lies in the past."""

    code = "past_time"


class TooFar(Invalid):
    """A scheduled end lies too far ahead."""

    code = "too_far"


def remove(*, principal: Principal, pod_id: UUID, now: datetime) -> Pod:
    """Remove a pod for good; a repeat is a no-op.

    :raises NotFound: it is not the caller's.
    """
    pod = pod_to_change(principal, pod_id)
    return _end(pod, reason=Reason.REMOVED_BY_RENTER, actor=principal.actor(), now=now)


def remove_as(
    *, pod_id: UUID, reason: Reason, actor: Actor, now: datetime, detail: str = ""
) -> Pod:
    """Remove a pod on anybody's behalf: schedule, empty balance, administrator; a repeat is a no-op.

    :raises Pod.DoesNotExist: there is none.
    """
    pod = Pod.objects.get(public_id=pod_id)
    return _end(pod, reason=reason, actor=actor, now=now, detail=detail)


def stop(*, principal: Principal, pod_id: UUID, now: datetime) -> Pod:
    """Stop a pod and keep its files; its GPUs go back to the market. A repeat is a no-op.

    :raises NotFound: it is not the caller's. :raises NotNow: it is not running.
    """
    pod = pod_to_change(principal, pod_id)
    return _halt(pod, reason=Reason.STOPPED_BY_RENTER, actor=principal.actor(), now=now)


def stop_as(*, pod_id: UUID, reason: Reason, actor: Actor, now: datetime) -> Pod:
    """Stop a pod on anybody's behalf; a repeat is a no-op.

    :raises Pod.DoesNotExist: there is none. :raises NotNow: it is not running.
    """
    return _halt(Pod.objects.get(public_id=pod_id), reason=reason, actor=actor, now=now)


def start(*, principal: Principal, pod_id: UUID, now: datetime) -> Pod:
    """Start a stopped pod where its files are.

    :raises NodeTaken: the node cannot give its GPUs now, and why; equivalents are offered.
    :raises InsufficientBalance: the balance does not exceed the floor.
    :raises NotFound: it is not the caller's. :raises NotNow: it is not stopped.
    :raises RanUnproven: it ran unproven for too long.
    """
    principal.require(Scope.RENT)
    pod = pod_to_change(principal, pod_id)
    if pod.status == PodStatus.STARTING:
        return pod
    change = Change(
        to=PodStatus.STARTING,
        reason=Reason.STARTED_BY_RENTER,
        actor=principal.actor(),
        now=now,
    )
    return _take_up(pod, change, source=PodStatus.STOPPED, done="started")


def reboot(*, principal: Principal, pod_id: UUID, now: datetime) -> Pod:
    """Restart a pod's container; files, ports and host key stay. A repeat is a no-op.

    After a reboot that failed its GPUs are taken again, as a start does.

    :raises NotFound: it is not the caller's. :raises NotNow: there is nothing to reboot.
    :raises RanUnproven: it ran unproven for too long. :raises NodeTaken, InsufficientBalance: as `start`.
    """
    pod = pod_to_change(principal, pod_id)
    change = Change(
        to=PodStatus.REBOOTING,
        reason=Reason.REBOOT_BY_RENTER,
        actor=principal.actor(),
        now=now,
    )
    if pod.status == PodStatus.REBOOT_FAILED:
        return _take_up(pod, change, source=PodStatus.REBOOT_FAILED, done="rebooted")
    with _locked(pod) as row:
        if row.status == PodStatus.REBOOTING:
            return row
        if not may_reboot(row):
            raise _not_now(row, PodStatus.RUNNING, "rebooted")
        silences.require_minutes(row, done="rebooted", now=now)
        changes.make(row, change)
        dispatch.reconcile(row)
    return row


def may_reboot(pod: Pod) -> bool:
    """Say whether a reboot is possible: it runs, failed to, or its machine answers and it does not."""
    is_unproven = pod.status == PodStatus.UNREACHABLE and pod.status_reason_code in UNPROVEN
    return is_unproven or pod.status in {PodStatus.RUNNING, PodStatus.REBOOT_FAILED}


def schedule_removal(*, principal: Principal, pod_id: UUID, at: datetime, now: datetime) -> Pod:
    """Set when a pod ends, in any state from its rent on; a repeat is a no-op.

    :raises PastTime: that moment is over. :raises TooFar: it is more than a year away.
    :raises NotFound: it is not the caller's, or removed.
    """
    if at - now > LONGEST_SCHEDULE:
        raise TooFar(
            f"A pod can be scheduled to end within {LONGEST_SCHEDULE.days} days.",
            hint="Choose an earlier time, or let it run without an end.",
            data={"field": "removal_scheduled_at"},
        )
    if at <= now:
        raise PastTime(
            f"The scheduled end {at:%Y-%m-%d %H:%M:%S} UTC is in the past.",
            hint="Choose a later time, or remove the pod now.",
            data={"field": "removal_scheduled_at"},
        )
    return _schedule(principal, pod_id, at.astimezone(UTC), now)


def cancel_removal(*, principal: Principal, pod_id: UUID, now: datetime) -> Pod:
    """Let a pod run without an end; a repeat is a no-op.

    :raises NotFound: it is not the caller's, or removed.
    """
    return _schedule(principal, pod_id, None, now)


def _schedule(principal: Principal, pod_id: UUID, at: datetime | None, now: datetime) -> Pod:
    with _locked(pod_to_change(principal, pod_id)) as row:
        if row.status in UNLISTED:
            raise NotFound("The pod is already removed.", hint="List the others: `lium ps`.")
        if row.removal_scheduled_at == at:
            return row
        row.removal_scheduled_at = at
        row.next_look_at = min(row.next_look_at, at) if at else row.next_look_at
        row.save(update_fields=["removal_scheduled_at", "next_look_at", "updated_at"])
        reason = Reason.END_SCHEDULED if at else Reason.END_CLEARED
        detail = f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
        _record(row, "pod-edit.success", reason, principal.actor(), now, detail)
    return row


def _end(pod: Pod, *, reason: Reason, actor: Actor, now: datetime, detail: str = "") -> Pod:
    with _locked(pod) as row:
        if row.status in UNLISTED:
            return row
        is_over = row.status == PodStatus.FAILED and row.gone_at
        to = PodStatus.REMOVED if is_over else PodStatus.REMOVING
        changes.make(row, Change(to=to, reason=reason, actor=actor, now=now, detail=detail))
        # The published client reads this as "delete requested"; the end itself is the move to REMOVED.
        _record(row, "pod-delete.success", reason, actor, now)
        dispatch.reconcile(row)
    faults.point("remove.intended")
    metering.settle(pod_id=row.pk, now=now)
    return row


def _take_up(pod: Pod, change: Change, *, source: PodStatus, done: str) -> Pod:
    """Take the pod's very GPUs and ports again and let it run: account, node, pod (docs/locking.md)."""
    account_id = renter_account(pod.workspace).pk
    try:
        with budgets.noting_refusals(now=change.now), transaction.atomic(durable=True):
            balance = lock_account(account_id).balance
            reservations.reserve_again(
                node_id=pod.node_id,
                gpu_uuids=pod.gpu_uuids,
                ports=[port.external for port in pod.ports.all()],
                holder=pod.public_id,
                now=change.now,
            )
            row = _lock(pod)
            _require(row, source, done)
            silences.require_minutes(row, done=done, now=change.now)
            silences.require_patience(row.workspace, row.user, now=change.now)
            floors.require(
                row.workspace, balance_usd=balance, hourly_price_usd=row.hourly_price_usd
            )
            budgets.require_room(row.api_key, hourly_price_usd=row.hourly_price_usd, now=change.now)
            changes.make(row, change)
            if row.low_balance_since:
                row.low_balance_since = None
                row.save(update_fields=["low_balance_since"])
            dispatch.reconcile(row)
            return row
    except reservations.NoCapacity as refusal:
        raise not_free(pod.node, pod.gpu_count, refusal) from refusal


def _halt(pod: Pod, *, reason: Reason, actor: Actor, now: datetime) -> Pod:
    with _locked(pod) as row:
        if PodStatus(row.status) in STOPS:
            return row
        _require(row, PodStatus.RUNNING, "stopped")
        changes.make(row, Change(to=PodStatus.STOPPING, reason=reason, actor=actor, now=now))
        if reason is Reason.STOPPED_LOW_BALANCE:
            row.low_balance_since = now
            row.save(update_fields=["low_balance_since"])
        dispatch.reconcile(row)
    metering.settle(pod_id=row.pk, now=now)
    return row


@contextmanager
def _locked(pod: Pod) -> Iterator[Pod]:
    """Lock the node, then the pod (docs/locking.md), for a wish."""
    with transaction.atomic(durable=True):
        Node.objects.select_for_update(no_key=True).get(pk=pod.node_id)
        yield _lock(pod)


def _lock(pod: Pod) -> Pod:
    rows = Pod.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("workspace", "node").get(pk=pod.pk)


def _require(pod: Pod, wanted: PodStatus, done: str) -> None:
    if PodStatus(pod.status) is not wanted:
        raise _not_now(pod, wanted, done)


def _not_now(pod: Pod, wanted: PodStatus, done: str) -> NotNow:
    name = wanted.label.lower()
    return NotNow(
        f"The pod is {pod.get_status_display().lower()}; only a pod that is {name} can be {done}.",
        hint=pod.status_reason,
        data={"status": pod.status},
    )


def _record(
    pod: Pod, sub_type: str, reason: Reason, actor: Actor, now: datetime, detail: str = ""
) -> None:
    transitions.record(pod, sub_type=sub_type, reason=reason, actor=actor, now=now, detail=detail)
