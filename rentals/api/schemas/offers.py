"""What can be known before a rent."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import Field

from rentals.api.schemas.common import Count, Floor


class QuoteQuery(Schema):
    """What to price; without ``gpu_count`` all free GPUs."""

    hours: Annotated[Decimal, Field(gt=0, le=720)] = Decimal(1)
    gpu_count: Count | None = None
    volume_gb: Floor = 0
    backup_gb: Floor = 0


class QuoteLineOut(Schema):
    """A line of a quote; without a rate it is not charged."""

    item: str
    unit: str
    rate_usd: float | None
    quantity: float
    amount_usd: float | None
    note: str


class QuoteOut(Schema):
    """An itemised price; signed-in callers may rent at it until ``expires_at``."""

    executor_id: UUID
    gpu_count: int
    hours: float
    price_per_hour: float
    lines: list[QuoteLineOut]
    total_usd: float
    pod_balance_floor_usd: float
    rent_balance_required_usd: float | None = None
    quote_id: UUID | None = None
    expires_at: str | None = None


class EstimateOut(Schema):
    """How long a start usually takes; null where no start was timed."""

    estimated_seconds: int | None
    is_slow_machine: bool
    warning_message: str | None
    is_cached_template: bool
    docker_image_size: int | None
