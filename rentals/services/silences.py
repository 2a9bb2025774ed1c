"""How long pods ran without proving themselves: machine well, container running, and their meters resting.

Who is inside can bring that about, so it is limited by the day, for a pod and for what its owner rents or starts next.
While its machine or engine is silent nothing counts.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final

from django.conf import settings
from django.db.models import Q

from core.actors import PLATFORM
from core.errors import Conflict
from rentals import terms, transitions
from rentals.models import TO_PROVE_AGAIN, Phase, Pod, PodEvent, PodStatus
from rentals.reasons import UNPROVEN, Reason
from rentals.services import meter

WITHIN: Final = timedelta(days=1)
# Between two runs while no minutes are left.
PAUSE: Final = timedelta(hours=1)
# A first start that proves itself, or fails, within these counts as none.
FIRST_PROOF: Final = timedelta(seconds=30)
# What the looks of a start or reboot show.
RUNS_AGAIN: Final = "pod-lifecycle.runs_again"
OUT_OF_SIGHT: Final = "pod-lifecycle.out_of_sight"
_SHOWN: Final = (RUNS_AGAIN, OUT_OF_SIGHT)
_AT_REST: Final = frozenset({PodStatus.STOPPED, PodStatus.REBOOT_FAILED})
# A first start that ended so waited for its machine.
_THE_MACHINES: Final = frozenset(
    {Reason.MACHINE_UNREACHABLE, Reason.MACHINE_REFUSED, Reason.ENGINE_FAILED}
)


class RanUnproven(Conflict):
    """For too long of the last day pods computed at no charge, so the next has to wait."""

    code = "ran_unproven"


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when until when a pod ran unproven."""

    pod_id: int
    began: datetime
    ended: datetime


def unproven(pod: Pod, *, now: datetime) -> timedelta:
    """Add up the last day's stretches that count for a pod; one that lasts is counted up to ``now``."""
    return _length(_counted(pod, now))


def require_minutes(pod: Pod, *, done: str, now: datetime) -> None:
    """Refuse to let a pod run anew in its place that has no minutes left.

    :raises RanUnproven: with the time from which it may.
    """
    _require(_counted(pod, now), done, now)


def require_owners_minutes(owner_id: int, *, done: str, now: datetime) -> None:
    """Refuse another run to an owner whose pods that do not run well have used up the minutes.

    :raises RanUnproven: with the time from which it may.
    """
    _require(list(_stretches(_events(owner_id, now), now)), done, now)


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


def _require(stretches: Collection[Stretch], done: str, now: datetime) -> None:
    if _length(stretches) <= settings.MARKET_SSH_SILENCE:
        return
    again_at = _full_minute(max(stretch.ended for stretch in stretches) + PAUSE)
    if again_at <= now:
        return
    minutes = settings.MARKET_SSH_SILENCE // timedelta(minutes=1)
    raise RanUnproven(
        f"Pods of the workspace's owner ran for more than {minutes} minutes of the last day without proving "
        f"themselves, at no charge; one can be {done} again at {again_at:%Y-%m-%d %H:%M} UTC.",
        hint="Wait until then. What runs well runs on, and files are kept.",
        data={"again_at": again_at.isoformat()},
    )


def _full_minute(at: datetime) -> datetime:
    """Round up, for the minute that a refusal names is kept."""
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)


def _length(stretches: Collection[Stretch]) -> timedelta:
    """Add up time, not pods: many on one machine whose ports fail were silent once."""
    total, reached = timedelta(), None
    for stretch in sorted(stretches, key=attrgetter("began")):
        began = max(stretch.began, reached or stretch.began)
        reached = max(stretch.ended, began)
        total += reached - began
    return total


def _counted(pod: Pod, now: datetime) -> list[Stretch]:
    """Give a pod's own stretches, and those of the owner's others that came before it was rented or started.

    Renting again buys no new minutes; and a pod that has run well all along does not answer for another.
    """
    events = _events(pod.workspace.owner_id, now, also=pod)
    own = [event for event in events if event.pod_id == pod.pk]
    taken_up = [event.occurred_at for event in own if event.from_status in _AT_REST]
    since = max(taken_up, default=pod.created_at)
    return [row for row in _stretches(events, now) if row.pod_id == pod.pk or row.began < since]


def _stretches(events: Iterable[PodEvent], now: datetime) -> Iterator[Stretch]:
    """Give when pods ran unproven: each from one event of a pod to its next, whatever that says."""
    for pod_id, own in groupby(events, key=attrgetter("pod_id")):
        began = None
        for event in own:
            if began:
                yield Stretch(pod_id, began, event.occurred_at)
            elif first := _first_start(event):
                yield first
            began = _beginning(event)
        if began:
            yield Stretch(pod_id, began, now)


def _first_start(event: PodEvent) -> Stretch | None:
    """Give for how long a first start, which this event ended, kept everybody waiting for the pod itself."""
    began_to_prove = event.from_status == PodStatus.PENDING and event.pod.phase == Phase.SSH
    if not began_to_prove or event.reason_code in _THE_MACHINES:
        return None
    began = event.pod.phase_since + FIRST_PROOF
    # What comes after the deadline waited for us.
    ended = min(event.occurred_at, event.pod.phase_since + terms.PHASE_DEADLINES[Phase.SSH])
    return Stretch(event.pod_id, began, ended) if began < ended else None


def _beginning(event: PodEvent) -> datetime | None:
    """Say since when the pod has run unproven, if it does by this event."""
    if event.sub_type == RUNS_AGAIN:
        return event.occurred_at
    if event.reason_code not in UNPROVEN:
        return None
    if event.sub_type == transitions.EXPLAINED:
        return event.occurred_at
    if event.to_status != PodStatus.UNREACHABLE:
        return None
    # The meter rests from the last good look on; had it been longer ago, nobody would have looked.
    return max(event.metered_until or event.occurred_at, event.occurred_at - meter.LONGEST_GAP)


def _events(owner_id: int, now: datetime, *, also: Pod | None = None) -> list[PodEvent]:
    """Give the last day's events of an owner's pods that do not run well, and of one whatever it does."""
    since = now - WITHIN
    moves = Q(to_status=PodStatus.UNREACHABLE)
    moves |= Q(from_status__in=TO_PROVE_AGAIN | _AT_REST | {PodStatus.PENDING})
    shown = Q(sub_type__in=(transitions.EXPLAINED, *_SHOWN))
    # Whatever ran unproven within the day has moved within it, or runs so still.
    moved = Q(pod__status_since__gte=since) | Q(pod__status__in=TO_PROVE_AGAIN)
    whose = moved & ~Q(pod__status=PodStatus.RUNNING)
    rows = PodEvent.objects.with_metered_until().filter(
        whose | Q(pod__public_id=also.public_id) if also else whose,
        moves | shown,
        pod__workspace__owner=owner_id,
        occurred_at__gte=since,
    )
    return list(rows.select_related("pod").order_by("pod_id", "pk"))
