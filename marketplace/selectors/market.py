"""Figures of the whole market: what is on offer per GPU, price bands, how starts go."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from marketplace.models import GpuModel

WINDOW: Final = timedelta(hours=24)
ON_OFFER: Final = """
SELECT gpu.short_name, sum(node.free_gpu_count)::int
FROM marketplace_node node JOIN marketplace_gpumodel gpu ON gpu.id = node.gpu_model_id
WHERE node.status = 'available' AND node.delisted_at IS NULL AND node.frozen_at IS NULL
GROUP BY gpu.short_name ORDER BY gpu.short_name
"""
FIGURES: Final = """
SELECT
    percentile_disc(0.1) WITHIN GROUP (ORDER BY price_per_gpu_usd),
    percentile_disc(0.5) WITHIN GROUP (ORDER BY price_per_gpu_usd),
    percentile_disc(0.9) WITHIN GROUP (ORDER BY price_per_gpu_usd),
    COALESCE(sum(gpu_count - free_gpu_count), 0)::int,
    COALESCE(sum(gpu_count), 0)::int,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY typical_ready_seconds),
    (SELECT count(*) FROM marketplace_startoutcome WHERE occurred_at > %(since)s),
    (SELECT count(*) FROM marketplace_startoutcome WHERE occurred_at > %(since)s AND proven)
FROM marketplace_node node
WHERE status = 'available' AND delisted_at IS NULL AND frozen_at IS NULL
AND (%(model)s::bigint IS NULL OR gpu_model_id = %(model)s)
AND (%(gpu)s::varchar[] IS NULL OR gpu_model_id IN (
    SELECT id FROM marketplace_gpumodel WHERE aliases && %(gpu)s::varchar[]))
"""


@dataclass(frozen=True, slots=True)
class GpuOnOffer:
    """A kind of GPU and how many of it are free."""

    short_name: str
    free_gpus: int


@dataclass(frozen=True, slots=True)
class MarketFigures:
    """Prices per GPU-hour and use of the market; None where nothing is known."""

    gpu_label: str
    p10_usd: Decimal | None
    median_usd: Decimal | None
    p90_usd: Decimal | None
    rented_gpus: int
    total_gpus: int
    typical_ready: float | None
    starts: int
    starts_proven: int

    @property
    def start_rate(self) -> float | None:
        """Share of starts of the last day that were proven; None without any."""
        return self.starts_proven / self.starts if self.starts else None


def gpus_on_offer() -> list[GpuOnOffer]:
    """List the kinds of GPU on the market with their free GPUs; sold-out kinds have 0."""
    with connection.cursor() as cursor:
        cursor.execute(ON_OFFER)
        return [GpuOnOffer(*row) for row in cursor.fetchall()]


def market_figures(
    *, now: datetime, gpu_names: tuple[str, ...] = (), gpu_label: str = ""
) -> MarketFigures:
    """Measure the listed market, or the part of it that ``gpu_names`` (normalized) mean."""
    return _figures(
        gpu_label, {"since": now - WINDOW, "gpu": list(gpu_names) or None, "model": None}
    )


def figures_of(gpu_model: GpuModel, *, now: datetime) -> MarketFigures:
    """Measure the listed market of one GPU alone: a name such as ``100`` means an H100 and a V100 as well."""
    params = {"since": now - WINDOW, "gpu": None, "model": gpu_model.pk}
    return _figures(gpu_model.short_name, params)


def _figures(gpu_label: str, params: dict[str, Any]) -> MarketFigures:
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, params)
        return MarketFigures(gpu_label, *cursor.fetchone())
