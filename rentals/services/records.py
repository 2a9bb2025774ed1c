"""The run record of a pod: where it ran, for how long it was ready, what it cost and why it ended."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rentals.models import UNLISTED, Pod, PodMeter
from rentals.services import meter, receipts


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
    pod_meter = PodMeter.objects.get(pod=pod)
    intervals = pod.ready_intervals.order_by("started_at")
    return RunRecord(
        pod=pod,
        removed=pod.status in UNLISTED,
        close_reason=receipts.close_reason(pod),
        billed_seconds=_billed_seconds(pod_meter),
        total_usd=pod_meter.posted_usd,
        segments=[
            Segment(interval.started_at, interval.ended_at, pod_meter.hourly_price_usd)
            for interval in intervals
        ],
    )


def _billed_seconds(pod_meter: PodMeter) -> Decimal:
    if not pod_meter.posted_usd:
        return Decimal(0)
    return meter.ready_seconds(pod_meter, proven_until=pod_meter.posted_until)
