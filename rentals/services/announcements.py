"""What providers announce about machines, as it concerns pods: renters are told, and pods end with a removal.

The event on the pod is the memory of what was told, so every function may be repeated.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.actors import Actor, ActorKind
from marketplace.models import Notice
from marketplace.selectors.notices import is_early, kind_of, standing_notices
from rentals import dispatch, transitions
from rentals.models import Pod, PodEvent, PodStatus
from rentals.reasons import Reason
from rentals.services import lifecycle, receipts

GIVEN: Final = "pod-notice.given"
WITHDRAWN: Final = "pod-notice.withdrawn"
# A withdrawal that was not told by then is nobody's concern any more.
REMEMBERED: Final = timedelta(days=3)


def sweep(*, now: datetime) -> int:
    """Tell renters what was announced or withdrawn, and end pods whose machine goes; give how many events."""
    standing = list(standing_notices().select_related("node__provider"))
    told = sum(_tell(notice, now=now) for notice in standing)
    recent = Notice.objects.filter(cancelled_at__gte=now - REMEMBERED)
    told += sum(
        _withdraw(notice, now=now)
        for notice in recent.select_related("node__provider")
        if notice.node_id not in {other.node_id for other in standing}
    )
    for notice in standing:
        if notice.permanent and notice.starts_at <= now:
            _end(notice, now=now)
    _pay_back(now=now)
    return told


def provider_of(notice: Notice) -> Actor:
    """Name the provider in events and mails."""
    provider = notice.node.provider
    return Actor(kind=ActorKind.PROVIDER, id=str(provider.public_id), name=provider.name)


def in_words(notice: Notice) -> str:
    """Say when, and what the provider says of it."""
    until = f" to {notice.ends_at:%H:%M}" if notice.ends_at else ""
    said = f' "{notice.reason}"' if notice.reason else ""
    return f"{kind_of(notice)} at {notice.starts_at:%Y-%m-%d %H:%M}{until} UTC.{said}"


def _tell(notice: Notice, *, now: datetime) -> int:
    reason = Reason.REMOVAL_ANNOUNCED if notice.permanent else Reason.MAINTENANCE_ANNOUNCED
    waiting = _living(notice).exclude(_heard(GIVEN, since=notice.created_at))
    return _record(waiting, GIVEN, reason, in_words(notice), provider_of(notice), now=now)


def _withdraw(notice: Notice, *, now: datetime) -> int:
    assert notice.cancelled_at  # noqa: S101  # selected so
    known = _living(notice).filter(_heard(GIVEN, since=notice.created_at))
    waiting = known.exclude(_heard(WITHDRAWN, since=notice.cancelled_at))
    reason = Reason.NOTICE_WITHDRAWN
    return _record(waiting, WITHDRAWN, reason, in_words(notice), provider_of(notice), now=now)


def _living(notice: Notice) -> QuerySet[Pod]:
    return Pod.objects.listed().filter(node=notice.node_id).exclude(status=PodStatus.FAILED)


def _heard(sub_type: str, *, since: datetime) -> Exists:
    events = PodEvent.objects.filter(pod=OuterRef("pk"), sub_type=sub_type)
    return Exists(events.filter(occurred_at__gte=since))


def _record(
    waiting: QuerySet[Pod], sub_type: str, reason: Reason, words: str, by: Actor, *, now: datetime
) -> int:
    with transaction.atomic():
        pods: Iterable[Pod] = list(
            waiting.order_by("pk").select_for_update(no_key=True, of=("self",))
        )
        for pod in pods:
            event = transitions.record(
                pod, sub_type=sub_type, reason=reason, actor=by, now=now, detail=words
            )
            dispatch.tell(event_id=event.pk)
    return len(list(pods))


def _end(notice: Notice, *, now: datetime) -> None:
    reason = Reason.RECLAIMED_EARLY if is_early(notice) else Reason.RECLAIMED
    for pod in _living(notice).order_by("pk"):
        lifecycle.remove_as(
            pod_id=pod.public_id,
            reason=reason,
            actor=provider_of(notice),
            now=now,
            detail=in_words(notice),
        )


def _pay_back(*, now: datetime) -> None:
    """Pay what a sweep that was cut off has left unpaid, too."""
    early = Q(reason_code=Reason.RECLAIMED_EARLY.code, occurred_at__gte=now - REMEMBERED)
    ended = PodEvent.objects.filter(early, to_status=PodStatus.REMOVING)
    for event in ended.select_related("pod__meter").order_by("pod_id"):
        receipts.settle(event.pod, now=now)
