"""What others ask for a GPU, and for what share of the time machines at a price are rented."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from marketplace import hooks
from marketplace.models import GpuModel, Node

WINDOW: Final = timedelta(days=30)
# Prices so near to each other compete.
NEAR: Final = Decimal("0.15")


@dataclass(frozen=True, slots=True)
class UseAtPrice:
    """How machines near a price are used; ``share`` of one, None where none was listed."""

    machines: int
    share: float | None


def use_at_price(gpu_model: GpuModel, price_usd: Decimal, *, now: datetime) -> UseAtPrice:
    """Measure the last month of the machines with this GPU at about this price, rentals that go on included."""
    since = now - WINDOW
    listed = _listed_gpu_seconds(gpu_model, price_usd, since=since, until=now)
    if not listed:
        return UseAtPrice(0, None)
    used = hooks.rented_gpu_seconds(list(listed), since=since, until=now)
    return UseAtPrice(len(listed), min(1.0, sum(used.values()) / sum(listed.values())))


def _listed_gpu_seconds(
    gpu_model: GpuModel, price_usd: Decimal, *, since: datetime, until: datetime
) -> dict[int, float]:
    band = (price_usd * (1 - NEAR), price_usd * (1 + NEAR))
    near = Node.objects.filter(
        gpu_model=gpu_model,
        delisted_at=None,
        first_listed_at__lt=until,
        price_per_gpu_usd__range=band,
    )
    rows = near.values_list("pk", "gpu_count", "first_listed_at")
    return {
        pk: gpu_count * (until - max(listed_at or until, since)).total_seconds()
        for pk, gpu_count, listed_at in rows
    }
