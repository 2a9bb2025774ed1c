"""The meter of a pod: intervals of proven readiness, opened and closed with the status that they explain.

Every function joins the caller's transaction and expects the pod's row lock (docs/locking.md).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from billing.accounts import fee_account, provider_account, renter_account
from core.money import charge_for
from rentals.models import Pod, PodMeter, PodStatus, ReadyInterval

# Longer than this without a good probe and nobody knows whether the pod was there: not charged.
LONGEST_GAP: Final = timedelta(minutes=3)


def create(pod: Pod, *, provider_public_id: UUID) -> PodMeter:
    """Give a new pod its meter, at the price and the fee rate fixed at rent."""
    return PodMeter.objects.create(
        pod=pod,
        renter_account=renter_account(pod.workspace),
        provider_account=provider_account(provider_public_id),
        fee_account=fee_account(),
        hourly_price_usd=pod.hourly_price_usd,
        fee_rate=pod.fee_rate,
    )


def open_interval(pod: Pod, *, at: datetime, evidence: str) -> None:
    """Start counting from a proof of readiness; nothing happens while it counts already."""
    meter = _locked(pod)
    if meter.ready_since:
        return
    # A clock that stepped back must not count a second twice.
    started_at = max(at, meter.counted_until or at)
    ReadyInterval.objects.create(pod=pod, started_at=started_at, started_by=evidence[:300])
    meter.ready_since = started_at
    meter.save(update_fields=["ready_since"])
    _proven(pod, at=at)


def close_interval(pod: Pod, *, at: datetime, evidence: str) -> None:
    """Stop counting at the last moment of readiness; nothing happens while it does not count.

    What was charged rests on a proof, so the interval never ends before ``posted_until``.
    """
    meter = _locked(pod)
    if meter.ready_since is None:
        return
    ended_at = max(at, meter.ready_since, meter.posted_until or at)
    pod.ready_intervals.filter(ended_at=None).update(ended_at=ended_at, ended_by=evidence[:300])
    meter.counted_seconds += seconds(ended_at - meter.ready_since)
    meter.counted_until = ended_at
    meter.ready_since = None
    meter.settled = meter.posted_usd == charge(meter, of=meter.counted_seconds)
    meter.save(update_fields=["counted_seconds", "counted_until", "ready_since", "settled"])


def prove(pod: Pod, *, at: datetime, evidence: str) -> None:
    """Take note of a good probe of a running pod; a longer silence before it is not charged."""
    last = pod.last_proof_at
    if last and at - last > LONGEST_GAP:
        close_interval(pod, at=last, evidence="last good probe before a silence")
        open_interval(pod, at=at, evidence=evidence)
    _proven(pod, at=at)


def prove_all(pod_ids: Collection[int], *, at: datetime, evidence: str) -> None:
    """Take note of a good probe of many running pods: one statement, save for those after a silence."""
    running = Pod.objects.filter(pk__in=pod_ids, status=PodStatus.RUNNING)
    running.filter(last_proof_at__range=(at - LONGEST_GAP, at)).update(last_proof_at=at)
    silent = running.exclude(last_proof_at__gte=at).select_for_update(no_key=True)
    for pod in silent.order_by("pk"):
        prove(pod, at=at, evidence=evidence)


def charge(meter: PodMeter, *, of: Decimal) -> Decimal:
    """Give the price of so many ready seconds, in USD."""
    return charge_for(hourly=meter.hourly_price_usd, seconds=of)


def ready_seconds(meter: PodMeter, *, proven_until: datetime | None) -> Decimal:
    """Give the seconds of readiness counted up to the last proof."""
    if meter.ready_since is None or proven_until is None:
        return meter.counted_seconds
    return meter.counted_seconds + max(seconds(proven_until - meter.ready_since), Decimal(0))


def seconds(delta: timedelta) -> Decimal:
    """Give a duration as exact seconds, microseconds kept."""
    return Decimal(delta // timedelta(microseconds=1)).scaleb(-6)


def _locked(pod: Pod) -> PodMeter:
    # A tick moves the meter without the pod's lock, so its own row is locked too.
    return PodMeter.objects.select_for_update(no_key=True).get(pod=pod)


def _proven(pod: Pod, *, at: datetime) -> None:
    pod.last_proof_at = max(at, pod.last_proof_at or at)
    pod.save(update_fields=["last_proof_at"])
