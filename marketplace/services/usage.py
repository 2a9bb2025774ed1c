"""Facts that rentals writes here and validation reads: paid use, and GPUs changing hands."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marketplace.models import HandOver, UsageFact


def record_usage(
    *,
    node_id: int,
    holder: UUID,
    started_at: datetime,
    ended_at: datetime,
    gpu_count: int,
    paid_usd: Decimal,
) -> UsageFact:
    """Record a stretch of proven, paid use; the same stretch again is no second fact."""
    fact, _ = UsageFact.objects.get_or_create(
        holder=holder,
        started_at=started_at,
        defaults={
            "node_id": node_id,
            "ended_at": ended_at,
            "gpu_count": gpu_count,
            "paid_usd": paid_usd,
        },
    )
    return fact


def record_hand_over(
    *, node_id: int, holder: UUID, to_renter: bool, gpu_count: int, now: datetime
) -> HandOver:
    """Record that GPUs went to a renter, or came back to the market."""
    towards = HandOver.Direction.TO_RENTER if to_renter else HandOver.Direction.TO_MARKET
    return HandOver.objects.create(
        node_id=node_id, holder=holder, direction=towards, gpu_count=gpu_count, occurred_at=now
    )
