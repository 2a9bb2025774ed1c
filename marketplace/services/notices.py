"""Maintenance and removal with notice: who rents there hears of it in time.

From the start of a maintenance, and from the notice of a removal on, a machine takes no new rentals: it is
RECLAIMING. Pods are not touched here: rentals acts on the notice by a sweep of its own.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from core.actors import PLATFORM, Actor, ActorKind
from core.errors import Conflict, Invalid
from marketplace import hooks
from marketplace.models import Node, NodeGpu, NodeStatus, Notice, PortReservation
from marketplace.selectors.notices import (
    REMOVAL_LEAD,
    kind_of,
    open_notice,
    overdue,
    standing_notices,
)
from marketplace.services import delisting, gpu_proofs
from marketplace.transitions import Reason, move, note

MAINTENANCE_LEAD: Final = timedelta(hours=24)
LONGEST_MINUTES: Final = 60
LONGEST_NOTICE: Final = timedelta(days=366)
# A machine that was unplugged shows no evidence of its pods' end; it does not stay on the books for that.
PATIENCE: Final = timedelta(hours=24)


class TooSoon(Invalid):
    """Renters would have less time than they were promised."""

    code = "notice_too_short"


def lead_of(node: Node, *, permanent: bool) -> timedelta:
    """Give how long before a maintenance or a removal renters are told, at least."""
    if permanent:
        return REMOVAL_LEAD
    return max(MAINTENANCE_LEAD, timedelta(hours=_promised_hours(node)))


def give(
    *,
    node_id: int,
    starts_at: datetime,
    minutes: int | None,
    permanent: bool,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Notice:
    """Announce a maintenance of so many minutes, or a removal for good; an open notice is replaced.

    :raises TooSoon: renters are told earlier than that.
    :raises Invalid: a maintenance without a length, or more than a year away.
    """
    length, starts_at = _length(minutes, permanent=permanent), _bounded(starts_at, now=now)
    with transaction.atomic():
        node = _lock(node_id)
        _require_lead(node, starts_at, permanent=permanent, now=now)
        return announce(
            node, Notice(starts_at=starts_at, minutes=length, permanent=permanent, reason=reason[:500]),
            actor=actor, now=now,
        )  # fmt: skip


def announce(node: Node, notice: Notice, *, actor: Actor, now: datetime) -> Notice:
    """Write a notice of a locked node in place of an open one; how early it is was judged by the caller."""
    _require_may(node, actor)
    if before := open_notice(node):
        _give_way(before, notice, node, actor=actor, now=now)
    notice.node, notice.created_at = node, now
    notice.save()
    if not _bring_about(node, notice, actor=actor, now=now):
        reason = Reason.RECLAIM_NOTICE if notice.permanent else Reason.MAINTENANCE_NOTICE
        note(node, reason=reason, actor=actor, now=now, detail=_words(notice))
    return notice


def cancel(*, node_id: int, actor: Actor, now: datetime) -> Node:
    """Take an open notice back, or end a maintenance early; harmless where there is none.

    :raises Conflict: the removal has begun, or operators asked for it.
    """
    with transaction.atomic():
        node = _lock(node_id)
        notice = open_notice(node)
        if notice is None:
            return node
        _require_may(node, actor)
        if notice.permanent and notice.starts_at <= now:
            raise Conflict(
                "The removal has begun: pods there are being ended.",
                hint="Add the machine again when it has been removed.",
            )
        _close(notice, node, actor=actor, now=now, cancelled=True)
    return node


def sweep(now: datetime) -> int:
    """Begin and end what is due; give how many notices were looked at."""
    due = standing_notices().filter(Q(permanent=True) | Q(starts_at__lte=now))
    found = list(due.order_by("node_id").values_list("node_id", flat=True))
    for node_id in found:
        with transaction.atomic():
            node = _lock(node_id)
            if notice := open_notice(node):
                _carry_out(node, notice, now=now)
    return len(found)


def _give_way(before: Notice, notice: Notice, node: Node, *, actor: Actor, now: datetime) -> None:
    """End an open notice for a new one; a removal that only changes its time never brings a node back."""
    if before.permanent and notice.permanent:
        before.cancelled_at = now
        before.save(update_fields=["cancelled_at"])
    else:
        _close(before, node, actor=actor, now=now, cancelled=True)


def _carry_out(node: Node, notice: Notice, *, now: datetime) -> None:
    if notice.ends_at and notice.ends_at <= now:
        _close(notice, node, actor=PLATFORM, now=now, cancelled=False)
    elif overdue(notice, now=now) and (not _in_use(node) or now - notice.starts_at > PATIENCE):
        _remove(node, notice, now=now)
    else:
        _bring_about(node, notice, actor=PLATFORM, now=now)


def _bring_about(node: Node, notice: Notice, *, actor: Actor, now: datetime) -> bool:
    """Let a node take no new rentals, where the notice says so by now; False where nothing changed."""
    due = notice.permanent or notice.starts_at <= now
    if not due or node.status != NodeStatus.AVAILABLE:
        return False
    reason = Reason.RECLAIM_NOTICE if notice.permanent else Reason.MAINTENANCE_STARTED
    move(node, to=NodeStatus.RECLAIMING, reason=reason, actor=actor, now=now, detail=_words(notice))
    return True


def _close(notice: Notice, node: Node, *, actor: Actor, now: datetime, cancelled: bool) -> None:
    field = "cancelled_at" if cancelled else "ended_at"
    setattr(notice, field, now)
    notice.save(update_fields=[field])
    if notice.permanent:
        reason, detail = Reason.RECLAIM_CANCELLED, "The machine stays on the market."
    elif cancelled:
        reason, detail = Reason.MAINTENANCE_CANCELLED, "There is no maintenance."
    else:
        reason, detail = Reason.MAINTENANCE_OVER, "The time of the maintenance is over."
    if node.status != NodeStatus.RECLAIMING:
        note(node, reason=reason, actor=actor, now=now, detail=detail)
        return
    # What was done in the meantime is measured, not assumed.
    node.next_checks_at = now
    node.save(update_fields=["next_checks_at", "updated_at"])
    silent = node.missing_since is not None
    to = NodeStatus.OFFLINE if silent else NodeStatus.AVAILABLE
    move(node, to=to, reason=reason, actor=actor, now=now, detail=detail)
    gpu_proofs.keep_off(node, now=now)


def _remove(node: Node, notice: Notice, *, now: datetime) -> None:
    notice.ended_at = now
    notice.save(update_fields=["ended_at"])
    detail = "Taken off the market as announced."
    delisting.leave(node, reason=Reason.RECLAIM_DONE, actor=PLATFORM, now=now, detail=detail)


def _in_use(node: Node) -> bool:
    gpus = NodeGpu.objects.filter(node=node, holder__isnull=False)
    return gpus.exists() or PortReservation.objects.filter(node=node).exists()


def _promised_hours(node: Node) -> int:
    """Give the most that is promised now or was promised to a pod that is there still."""
    pods = hooks.pods_on([node.pk]).get(node.pk, ())
    kept = (pod.notice_hours for pod in pods if pod.hears_notices)
    return max(node.notice_hours, *kept, 0)


def _length(minutes: int | None, *, permanent: bool) -> int | None:
    if permanent:
        return None
    if minutes is None or not 1 <= minutes <= LONGEST_MINUTES:
        raise Invalid(
            f"A maintenance takes 1 to {LONGEST_MINUTES} minutes.",
            hint="For longer work, announce a removal and add the machine again afterwards.",
        )
    return minutes


def _bounded(starts_at: datetime, *, now: datetime) -> datetime:
    """Give the moment in UTC, as all who are told of it read it."""
    if starts_at - now > LONGEST_NOTICE:
        raise Invalid(
            f"A notice is given at most {LONGEST_NOTICE.days} days ahead.",
            hint="Choose an earlier start.",
            data={"field": "starting_at"},
        )
    return starts_at.astimezone(UTC)


def _require_lead(node: Node, starts_at: datetime, *, permanent: bool, now: datetime) -> None:
    lead = lead_of(node, permanent=permanent)
    if starts_at - now < lead:
        hours, what = int(lead.total_seconds() // 3600), "removal" if permanent else "maintenance"
        raise TooSoon(
            f"Renters hear of a {what} at least {hours} h before.",
            hint=f"The earliest start is {now + lead:%Y-%m-%d %H:%M} UTC.",
            data={"earliest": (now + lead).isoformat()},
        )


def _require_may(node: Node, actor: Actor) -> None:
    operated = actor.kind in (ActorKind.ADMIN, ActorKind.PLATFORM)
    if node.frozen_at and not operated and open_notice(node):
        raise Conflict(
            "Operators of this market asked renters to leave this machine.",
            hint="The reason is in its events; write to them.",
        )


def _words(notice: Notice) -> str:
    what = kind_of(notice)
    until = f" to {notice.ends_at:%H:%M}" if notice.ends_at else ""
    said = f" {notice.reason}" if notice.reason else ""
    return f"{what} at {notice.starts_at:%Y-%m-%d %H:%M}{until} UTC.{said}"


def _lock(node_id: int) -> Node:
    return Node.objects.select_for_update(no_key=True).get(pk=node_id)
