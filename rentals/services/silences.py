"""How long a pod ran without proving itself: its machine answered, its container ran, and its meter rested.

Who is inside can bring that about, so it is limited by the day. While its machine or engine is silent nothing counts.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet

from core.actors import PLATFORM
from rentals import terms, transitions
from rentals.models import Pod, PodEvent, PodStatus
from rentals.reasons import UNPROVEN, Reason

WITHIN: Final = timedelta(days=1)
# Between two starts or reboots of a pod that has no minutes left.
PAUSE: Final = timedelta(hours=1)
# The meter rests from the last good look on, and it took these until the pod was called unreachable.
UNTIL_TOLD: Final = terms.PROBE_INTERVAL + (terms.SILENT_LOOKS - 1) * terms.DOUBT_INTERVAL
# What the looks of a start or reboot show.
RUNS_AGAIN: Final = "pod-lifecycle.runs_again"
OUT_OF_SIGHT: Final = "pod-lifecycle.out_of_sight"
_SHOWN: Final = (RUNS_AGAIN, OUT_OF_SIGHT)


def unproven(pod: Pod, *, now: datetime) -> timedelta:
    """Add up the last day's stretches; the one that lasts is counted up to ``now``."""
    return _total(_stretches(pod, now))


def rests_until(pod: Pod, *, now: datetime) -> datetime | None:
    """Say until when a pod may not be started or rebooted, for want of minutes; None where it may."""
    stretches = list(_stretches(pod, now))
    if _total(stretches) <= settings.MARKET_SSH_SILENCE:
        return None
    _, ended_at = stretches[-1]
    return ended_at + PAUSE if ended_at + PAUSE > now else None


def note_run(pod: Pod, *, now: datetime) -> None:
    """Note, in a start or reboot, that the container runs: from now on it is to prove itself."""
    if _last_shown(pod) != RUNS_AGAIN:
        why = Reason.RUNS_AGAIN
        transitions.record(pod, sub_type=RUNS_AGAIN, reason=why, actor=PLATFORM, now=now)


def note_blind(pod: Pod, *, now: datetime) -> None:
    """Note, in a start or reboot, that the container cannot be seen to run any more."""
    if _last_shown(pod) == RUNS_AGAIN:
        why = Reason.OUT_OF_SIGHT
        transitions.record(pod, sub_type=OUT_OF_SIGHT, reason=why, actor=PLATFORM, now=now)


def _last_shown(pod: Pod) -> str | None:
    shown = pod.events.filter(sub_type__in=_SHOWN, occurred_at__gte=pod.status_since)
    return shown.order_by("pk").values_list("sub_type", flat=True).last()


Stretch = tuple[datetime, datetime]


def _total(stretches: Iterator[Stretch] | list[Stretch]) -> timedelta:
    return sum((ended - began for began, ended in stretches), timedelta())


def _stretches(pod: Pod, now: datetime) -> Iterator[Stretch]:
    """Give when the pod ran unproven: each from one event to the next, whatever that says."""
    began = None
    for event in _events(pod, since=now - WITHIN):
        if began:
            yield began, event.occurred_at
        began = _beginning(event)
    if began:
        yield began, now


def _beginning(event: PodEvent) -> datetime | None:
    """Say since when the pod has run unproven, if it does by this event."""
    if event.sub_type == RUNS_AGAIN:
        return event.occurred_at
    if event.reason_code not in UNPROVEN:
        return None
    if event.sub_type == transitions.EXPLAINED:
        return event.occurred_at
    return event.occurred_at - UNTIL_TOLD if event.to_status == PodStatus.UNREACHABLE else None


def _events(pod: Pod, *, since: datetime) -> QuerySet[PodEvent]:
    unproven = (PodStatus.UNREACHABLE, PodStatus.STARTING, PodStatus.REBOOTING)
    moves = Q(to_status=PodStatus.UNREACHABLE) | Q(from_status__in=unproven)
    shown = Q(sub_type__in=(transitions.EXPLAINED, *_SHOWN))
    rows = pod.events.filter(moves | shown, occurred_at__gte=since)
    return rows.order_by("pk")
