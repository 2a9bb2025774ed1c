"""How long pods ran without proving themselves: machine well, container running, and their meters resting.

Who is inside can bring that about, so it is limited by the day: a pod's own stops it, and a renter who has used up the
minutes of several rents no other for a while. While its machine or engine is silent, or in a maintenance, nothing counts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import User, Workspace
from core.actors import PLATFORM
from core.errors import Conflict
from marketplace.selectors.notices import Window, maintenances
from rentals import terms, transitions
from rentals.models import RESTARTING, TO_PROVE_AGAIN, Phase, Pod, PodEvent, PodStatus
from rentals.reasons import UNPROVEN, Reason
from rentals.services import meter

WITHIN: Final = timedelta(days=1)
# Between two runs while no minutes are left.
PAUSE: Final = timedelta(hours=1)
# A first start that proves itself, or fails, within these counts as none.
FIRST_PROOF: Final = timedelta(seconds=30)
# A renter may meet with so many bad machines, or images, a day.
PODS_A_DAY: Final = 3
# A pod that was paid for so many times as long as it ran unproven answers for itself alone.
PAID_OFTEN: Final = 10
# What the looks of a start or reboot show.
RUNS_AGAIN: Final = "pod-lifecycle.runs_again"
OUT_OF_SIGHT: Final = "pod-lifecycle.out_of_sight"
NEEDED: Final = (
    *("pod_id", "occurred_at", "from_status", "to_status", "reason_code", "sub_type"),
    *("pod__node_id", "pod__status", "pod__status_since", "pod__phase", "pod__phase_since"),
    "pod__meter__counted_seconds",
)
_SHOWN: Final = (RUNS_AGAIN, OUT_OF_SIGHT)
_AT_REST: Final = frozenset({PodStatus.STOPPED, PodStatus.REBOOT_FAILED})
# A first start that ended so waited for its machine.
_THE_MACHINES: Final = frozenset(
    {Reason.MACHINE_UNREACHABLE, Reason.MACHINE_REFUSED, Reason.ENGINE_FAILED}
)


class RanUnproven(Conflict):
    """For too long of the last day a pod, or a renter's pods, computed at no charge: the next run has to wait."""

    code = "ran_unproven"


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when until when a pod ran unproven; ``lasts`` where it still does."""

    began: datetime
    ended: datetime
    lasts: bool = False

    def without(self, window: Window) -> "Iterator[Stretch]":
        """Give what lies before and after a window."""
        if window.ends_at <= self.began or self.ended <= window.starts_at:
            yield self
            return
        if self.began < window.starts_at:
            yield Stretch(self.began, window.starts_at)
        if window.ends_at < self.ended:
            yield replace(self, began=window.ends_at)


@dataclass(frozen=True, slots=True)
class Rest:
    """Until when nothing runs anew; None while what runs unproven has not ended."""

    until: datetime | None

    def __str__(self) -> str:
        if self.until is None:
            return f"{_minutes(PAUSE)} after that has ended"
        return f"at {self.until:%Y-%m-%d %H:%M} UTC"

    def data(self) -> dict[str, str | None]:
        """Give it to programs."""
        return {"again_at": self.until.isoformat() if self.until else None}


def unproven(pod: Pod, *, now: datetime) -> timedelta:
    """Add up a pod's stretches of the last day; nothing, while a restart after an hour's rest has its time to prove it."""
    stretches = _stretches_of(pod, now)
    rested = _length(one for one in stretches if one.ended > now - PAUSE)
    if pod.status in RESTARTING and rested < terms.PHASE_DEADLINES[Phase.SSH]:
        return timedelta()
    return _length(stretches)


def require_minutes(pod: Pod, *, done: str, now: datetime) -> None:
    """Refuse to let a pod run anew that has no minutes left.

    :raises RanUnproven: with the time from which it may.
    """
    most, stretches = settings.MARKET_SSH_SILENCE, _stretches_of(pod, now)
    if rest := _rest(stretches, most, now):
        raise RanUnproven(
            f"The pod ran for more than {_minutes(most)} of the last day without proving itself, at no charge; "
            f"it can be {done} again {rest}.",
            hint="Its files are kept. Wait until then, or rent another machine.",
            data={"status": pod.status, **rest.data()},
        )


def require_patience(workspace: Workspace, user: User, *, now: datetime) -> None:
    """Refuse another run where pods of a workspace, or of a person, that do not run well have used up the minutes of several.

    :raises RanUnproven: with the time from which it may.
    """
    whose = Q(pod__workspace=workspace) | Q(pod__user=user)
    # Whatever ran unproven within the day has moved within it, or runs so still.
    moved = Q(pod__status_since__gte=now - WITHIN) | Q(pod__status__in=TO_PROVE_AGAIN)
    rows = _events(now).filter(whose, moved).exclude(pod__status=PodStatus.RUNNING)
    most = PODS_A_DAY * settings.MARKET_SSH_SILENCE
    if rest := _rest(_stretches(rows, now, of=_was_hardly_paid), most, now):
        raise RanUnproven(
            f"Pods of this workspace, or that you rented elsewhere, ran for more than {_minutes(most)} of the last day "
            f"without proving themselves, at no charge; the next can be rented or started {rest}.",
            hint="Their pages say why they were not ready. What runs well runs on, and files are kept.",
            data=rest.data(),
        )


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


def _rest(stretches: Sequence[Stretch], most: timedelta, now: datetime) -> Rest | None:
    if _length(stretches) <= most:
        return None
    if any(one.lasts for one in stretches):
        return Rest(None)
    until = _full_minute(max(one.ended for one in stretches) + PAUSE)
    return Rest(until) if until > now else None


def _minutes(length: timedelta) -> str:
    return f"{length // timedelta(minutes=1)} minutes"


def _full_minute(at: datetime) -> datetime:
    """Round up, for the minute that a refusal names is kept."""
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)


def _length(stretches: Iterable[Stretch]) -> timedelta:
    """Add up time, not pods: many on one machine whose ports fail were silent once."""
    total, reached = timedelta(), None
    for stretch in sorted(stretches, key=attrgetter("began")):
        began = max(stretch.began, reached or stretch.began)
        reached = max(stretch.ended, began)
        total += reached - began
    return total


def _stretches_of(pod: Pod, now: datetime) -> list[Stretch]:
    return _stretches(_events(now).filter(pod=pod), now)


def _was_hardly_paid(pod: Pod, stretches: Sequence[Stretch]) -> bool:
    paid = timedelta(seconds=float(pod.meter.counted_seconds))
    return paid < PAID_OFTEN * _length(stretches)


def _stretches(
    events: Iterable[PodEvent],
    now: datetime,
    *,
    of: Callable[[Pod, Sequence[Stretch]], bool] = lambda *_: True,
) -> list[Stretch]:
    """Give when pods ran unproven, but for the maintenances of their machines; of some pods alone."""
    own = [list(rows) for _, rows in groupby(events, key=attrgetter("pod_id"))]
    found = [(rows[0].pod, list(_raw(rows, now))) for rows in own]
    nodes = {pod.node_id for pod, stretches in found if stretches}
    away = maintenances(nodes, since=now - 2 * WITHIN, now=now) if nodes else {}
    kept: list[Stretch] = []
    for pod, stretches in found:
        for window in away.get(pod.node_id, ()):
            stretches = [part for one in stretches for part in one.without(window)]
        if of(pod, stretches):
            kept += stretches
    return kept


def _raw(events: Sequence[PodEvent], now: datetime) -> Iterator[Stretch]:
    """Give a pod's stretches: each from one event to its next, whatever that says."""
    if first := _first_start(events[0]):
        yield first
    for event, following in pairwise((*events, None)):
        assert event is not None  # noqa: S101  # only the last has none after it
        if began := _beginning(event):
            yield _from(event, began, following.occurred_at if following else None, now)


def _from(event: PodEvent, began: datetime, next_at: datetime | None, now: datetime) -> Stretch:
    pod = event.pod
    lasts = next_at is None and pod.status in TO_PROVE_AGAIN
    # What was noted of a pod that had moved on meanwhile says nothing.
    ended = now if lasts else next_at or max(began, pod.status_since)
    if event.sub_type == RUNS_AGAIN and ended > began + terms.REBOOT_DEADLINE:
        # Whoever is late by then is ended at the next look: what comes after waited for us.
        return Stretch(began, began + terms.REBOOT_DEADLINE)
    return Stretch(began, ended, lasts)


def _first_start(event: PodEvent) -> Stretch | None:
    """Give for how long a first start, which this event ended, kept everybody waiting for the pod itself."""
    began_to_prove = event.from_status == PodStatus.PENDING and event.pod.phase == Phase.SSH
    if not began_to_prove or event.reason_code in _THE_MACHINES:
        return None
    began = event.pod.phase_since + FIRST_PROOF
    # What comes after the deadline waited for us.
    ended = min(event.occurred_at, event.pod.phase_since + terms.PHASE_DEADLINES[Phase.SSH])
    return Stretch(began, ended) if began < ended else None


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


def _events(now: datetime) -> QuerySet[PodEvent]:
    """Select the last day's events that begin or end a stretch, in the order of each pod."""
    moves = Q(to_status=PodStatus.UNREACHABLE)
    moves |= Q(from_status__in=TO_PROVE_AGAIN | _AT_REST | {PodStatus.PENDING})
    shown = Q(sub_type__in=(transitions.EXPLAINED, *_SHOWN))
    rows = PodEvent.objects.with_metered_until().filter(
        moves | shown, occurred_at__gte=now - WITHIN
    )
    return rows.select_related("pod__meter").only(*NEEDED).order_by("pod_id", "pk")
