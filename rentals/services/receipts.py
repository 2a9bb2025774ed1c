"""Receipts: what was quoted beside what was charged, and the evidence that each charge rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet

from billing.models import Posting
from core.money import SECONDS_PER_HOUR, quantize
from rentals.models import Pod, PodMeter, PodStatus, ReadyInterval, Receipt
from rentals.services import metering, refunds

COMPUTE: Final = "compute"
NOT_METERED: Final = "Not charged."


class Unsettled(Exception):
    """A receipt was to be written while money of its pod is not posted: a bug of the caller, or a look too early."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge of the statement: up to when, and how much in USD."""

    until: datetime
    amount_usd: Decimal


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A receipt with its evidence: the stretches of proven readiness, and the charges of the ledger."""

    receipt: Receipt
    intervals: list[ReadyInterval]
    charges: list[Charge]


def settle(pod: Pod, *, now: datetime) -> None:
    """Post what a pod still owes and what it is owed; a repeat is a no-op.

    Moves accounts, so it comes before the transaction that locks node and pod (docs/locking.md).
    """
    metering.settle(pod_id=pod.pk, now=now)
    refunds.pay(pod, now=now)


def write(pod: Pod, now: datetime) -> Receipt:
    """Write the receipt of a pod that ended, once; a pod that was never ready has one that says 0.

    In the caller's transaction, under the pod's row lock: the ledger is only read.

    :raises Unsettled: `settle` has something left to post.
    """
    meter = PodMeter.objects.get(pod=pod)
    if meter.ready_since or not meter.settled or refunds.owed(pod):
        raise Unsettled(f"{pod}: settle it before its receipt is written.")
    cost = Pod.objects.with_cost().get(pk=pod.pk)
    fields = {
        "ready_seconds": meter.counted_seconds,
        "hourly_price_usd": meter.hourly_price_usd,
        "charged_usd": cost.net_usd,
        "lines": [
            *(_beside(line, pod=pod, meter=meter) for line in pod.quote.lines),
            *([_refund(cost.refunded_usd)] if cost.refunded_usd else []),
        ],
        "close_reason": close_reason(pod),
        "created_at": now,
    }
    return Receipt.objects.get_or_create(pod=pod, defaults=fields)[0]


def read(pod: Pod) -> ReceiptView:
    """Read a pod's receipt with its evidence.

    :raises Receipt.DoesNotExist: the pod has not ended.
    """
    receipt = Receipt.objects.select_related("pod").get(pod=pod)
    intervals = list(pod.ready_intervals.order_by("started_at"))
    return ReceiptView(receipt=receipt, intervals=intervals, charges=charges_of(pod))


def charges_of(pod: Pod) -> list[Charge]:
    """List what the renter was charged for a pod, oldest first."""
    return _charges(_postings(pod).order_by("entry__occurred_at"))


def newest_charges(pod: Pod, count: int) -> list[Charge]:
    """List the last charges for a pod, newest first; a pod of a month has 43,200 of them."""
    return _charges(_postings(pod).order_by("-entry_id")[:count])


def close_reason(pod: Pod) -> str:
    """Say why a pod ended: the reason of the event that began its end; empty while it lives."""
    ends = pod.events.filter(to_status__in=[PodStatus.FAILED, PodStatus.REMOVING])
    return ends.order_by("-id").values_list("reason", flat=True).first() or ""


def _postings(pod: Pod) -> QuerySet[Posting]:
    return Posting.objects.filter(
        entry__subject_kind=metering.SUBJECT,
        entry__subject_id=pod.public_id,
        account=pod.meter.renter_account_id,
    )


def _charges(postings: QuerySet[Posting]) -> list[Charge]:
    rows = postings.values_list("entry__occurred_at", "amount")
    return [Charge(until=until, amount_usd=-amount) for until, amount in rows]


def _beside(line: Mapping[str, Any], *, pod: Pod, meter: PodMeter) -> dict[str, Any]:
    """Put what was charged beside a line of the quote; amounts are strings, as in the quote."""
    compute = line["item"] == COMPUTE
    gpu_hours = quantize(pod.gpu_count * meter.counted_seconds / SECONDS_PER_HOUR)
    return {
        "item": line["item"],
        "unit": line["unit"],
        "rate_usd": line["rate_usd"],
        "quoted_quantity": line["quantity"],
        "quoted_usd": line["amount_usd"],
        "charged_quantity": str(gpu_hours) if compute else "0",
        "charged_usd": str(meter.posted_usd) if compute else "0",
        "note": _note(line, meter=meter) if compute else NOT_METERED,
    }


def _refund(usd: Decimal) -> dict[str, Any]:
    return {
        "item": "refund",
        "unit": "",
        "rate_usd": None,
        "quoted_quantity": "0",
        "quoted_usd": None,
        "charged_quantity": "1",
        "charged_usd": str(-usd),
        "note": "The machine was taken back early; its provider pays this back.",
    }


def _note(line: Mapping[str, Any], *, meter: PodMeter) -> str:
    if not meter.counted_seconds:
        return "The pod was never proven ready, so nothing is charged."
    return str(line["note"])
