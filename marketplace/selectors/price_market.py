"""What others ask for a GPU, and for what share of the time machines at a price are rented."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection

from marketplace.models import GpuModel

WINDOW: Final = timedelta(days=30)
# Prices so near to each other compete.
NEAR: Final = Decimal("0.15")
# GPU-seconds that were paid, over GPU-seconds on the market, both within the window.
USE: Final = """
WITH near AS (
    SELECT id, gpu_count, greatest(first_listed_at, %(since)s) AS since
    FROM marketplace_node
    WHERE gpu_model_id = %(model)s AND delisted_at IS NULL AND first_listed_at < %(now)s
    AND price_per_gpu_usd BETWEEN %(low)s AND %(high)s
), used AS (
    SELECT fact.node_id, sum(fact.gpu_count * extract(
        epoch FROM least(fact.ended_at, %(now)s) - greatest(fact.started_at, %(since)s))) AS seconds
    FROM marketplace_usagefact fact WHERE fact.ended_at > %(since)s
    AND fact.node_id IN (SELECT id FROM near) GROUP BY fact.node_id
)
SELECT count(*), sum(used.seconds) / nullif(sum(
    near.gpu_count * extract(epoch FROM %(now)s - near.since)), 0)
FROM near LEFT JOIN used ON used.node_id = near.id
"""


@dataclass(frozen=True, slots=True)
class UseAtPrice:
    """How machines near a price are used; ``share`` of one, None where none was listed."""

    machines: int
    share: float | None


def use_at_price(gpu_model: GpuModel, price_usd: Decimal, *, now: datetime) -> UseAtPrice:
    """Measure the last month of the machines with this GPU at about this price."""
    params: dict[str, int | Decimal | datetime] = {
        "model": gpu_model.pk,
        "low": price_usd * (1 - NEAR),
        "high": price_usd * (1 + NEAR),
        "since": now - WINDOW,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(USE, params)
        machines, share = cursor.fetchone()
    known = min(1.0, float(share or 0)) if machines else None
    return UseAtPrice(machines, known)
