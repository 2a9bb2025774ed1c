"""Statement, run record and receipt, as API clients read them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from core.clock import iso
from rentals.services.receipts import ReceiptView
from rentals.services.records import RunRecord
from rentals.services.statement import Period, PodStatement
from rentals.wire.numbers import with_numbers

RECEIPT_NUMBERS: Final = (
    "rate_usd",
    "quoted_quantity",
    "quoted_usd",
    "charged_quantity",
    "charged_usd",
)


def receipt(view: ReceiptView) -> dict[str, Any]:
    """Write a receipt with its evidence."""
    row = view.receipt
    return {
        "id": str(row.public_id),
        "pod_id": str(row.pod.public_id),
        "ready_seconds": float(row.ready_seconds),
        "price_per_hour": float(row.hourly_price_usd),
        "charged_usd": float(row.charged_usd),
        "close_reason": row.close_reason,
        "created_at": iso(row.created_at),
        "lines": [with_numbers(line, *RECEIPT_NUMBERS) for line in row.lines],
        "intervals": [
            {
                "started_at": iso(interval.started_at),
                "ended_at": iso(interval.ended_at),
                "started_by": interval.started_by,
                "ended_by": interval.ended_by,
            }
            for interval in view.intervals
        ],
        "charges": [
            {"until": iso(charge.until), "amount_usd": float(charge.amount_usd)}
            for charge in view.charges
        ],
    }


def record(run: RunRecord) -> dict[str, Any]:
    """Write a run record."""
    pod = run.pod
    return {
        "pod_id": str(pod.public_id),
        "pod_name": pod.name,
        "removed": run.removed,
        "gpu_count": pod.gpu_count,
        "gpu_name": pod.node.gpu_model.name,
        "image": pod.image,
        "executor_id": str(pod.node.public_id),
        "created_at": iso(pod.created_at),
        "ready_at": iso(pod.ready_at),
        "removed_at": iso(pod.removed_at),
        "close_reason": run.close_reason or None,
        "billed_seconds": float(run.billed_seconds),
        "total": float(run.total_usd),
        "price_segments": [
            {
                "started_at": iso(segment.started_at),
                "ended_at": iso(segment.ended_at),
                "price_per_hour": float(segment.hourly_price_usd),
            }
            for segment in run.segments
        ],
    }


def statement(rows: Iterable[PodStatement], *, period: Period) -> dict[str, Any]:
    """Write the billing statement of a period."""
    listed = list(rows)
    return {
        "start_day": period.start.isoformat() if period.start else None,
        "end_day": period.end.isoformat() if period.end else None,
        "total": float(sum((row.total_usd for row in listed), Decimal(0))),
        "pods": [_pod_statement(row) for row in listed],
    }


def _pod_statement(row: PodStatement) -> dict[str, Any]:
    pod = row.pod
    return {
        "pod_id": str(pod.public_id),
        "pod_name": pod.name,
        "gpu_count": pod.gpu_count,
        "gpu_name": pod.node.gpu_model.name,
        "api_key_id": str(pod.api_key.public_id) if pod.api_key else None,
        "api_key_name": pod.api_key.name if pod.api_key else None,
        "billed_seconds": float(row.seconds(row.total_usd)),
        "total": float(row.total_usd),
        "created_at": iso(pod.created_at),
        "removed_at": iso(pod.removed_at),
        "days": [
            {
                "day": day.isoformat(),
                "billed_seconds": float(row.seconds(amount)),
                "total": float(amount),
            }
            for day, amount in row.days
        ],
    }
