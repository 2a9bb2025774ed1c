"""Statement, record and receipt."""

from datetime import date
from uuid import UUID

from ninja import Schema

from core.moments import Day


class SegmentOut(Schema):
    """A stretch of proven readiness at one price."""

    started_at: str
    ended_at: str | None
    price_per_hour: float


class RecordOut(Schema):
    """What a run was and what it cost."""

    pod_id: UUID
    pod_name: str
    removed: bool
    gpu_count: int
    gpu_name: str
    image: str
    executor_id: UUID
    created_at: str
    ready_at: str | None
    removed_at: str | None
    close_reason: str | None
    billed_seconds: float
    total: float
    price_segments: list[SegmentOut]


class StatementQuery(Schema):
    """UTC days, both inclusive."""

    start_day: Day | None = None
    end_day: Day | None = None
    api_key_id: UUID | None = None


class DayOut(Schema):
    """The charges of one UTC day."""

    day: date
    billed_seconds: float
    total: float


class PodStatementOut(Schema):
    """The charges of one pod."""

    pod_id: UUID
    pod_name: str
    gpu_count: int
    gpu_name: str
    api_key_id: UUID | None
    api_key_name: str | None
    billed_seconds: float
    total: float
    created_at: str
    removed_at: str | None
    days: list[DayOut]


class StatementOut(Schema):
    """What the ledger took, most recently charged pod first."""

    start_day: date | None
    end_day: date | None
    total: float
    pods: list[PodStatementOut]


class ReceiptLineOut(Schema):
    """A line of the quote with what was charged for it."""

    item: str
    unit: str
    rate_usd: float | None
    quoted_quantity: float
    quoted_usd: float | None
    charged_quantity: float
    charged_usd: float
    note: str


class IntervalOut(Schema):
    """A stretch of proven readiness and its evidence."""

    started_at: str
    ended_at: str | None
    started_by: str
    ended_by: str


class ChargeOut(Schema):
    """One charge of the ledger: for the time until then."""

    until: str
    amount_usd: float


class ReceiptOut(Schema):
    """The receipt of a pod that ended."""

    id: UUID
    pod_id: UUID
    ready_seconds: float
    price_per_hour: float
    charged_usd: float
    close_reason: str
    created_at: str
    lines: list[ReceiptLineOut]
    intervals: list[IntervalOut]
    charges: list[ChargeOut]
