"""The run record of a pod: where it ran, for how long it was ready, what it cost, less what was paid back, and why it ended."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.money import seconds_for
from rentals.models import UNLISTED, Pod
from rentals.services import receipts


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of proven readiness at one price; an open one has no end."""

    started_at: datetime
    ended_at: datetime | None
    hourly_price_usd: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """What is known of a run; ``billed_seconds`` are those that ``total_usd`` pays for."""

    pod: Pod
    removed: bool
    close_reason: str
    billed_seconds: Decimal
    total_usd: Decimal
    segments: list[Segment]


def read(pod: Pod) -> RunRecord:
    """Read the record of a pod that runs or ran; ``pod`` comes through `access.pod_for`."""
    total = Pod.objects.with_cost().get(pk=pod.pk).net_usd
    intervals = pod.ready_intervals.order_by("started_at")
    return RunRecord(
        pod=pod,
        removed=pod.status in UNLISTED,
        close_reason=receipts.close_reason(pod),
        billed_seconds=seconds_for(total, hourly=pod.hourly_price_usd),
        total_usd=total,
        segments=[
            Segment(interval.started_at, interval.ended_at, pod.hourly_price_usd)
            for interval in intervals
        ],
    )
