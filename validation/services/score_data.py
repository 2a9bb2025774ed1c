"""Gathering what scores are computed from, each part by one query over the whole market."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from validation.scoring.data import Machine

# Of each machine: proofs that ended in the window, what the newest decided one showed, paid use cut to the window, and
# the time that its status was one that answers. A simulated proof counts on a simulated chain alone.
MACHINES: Final = """
WITH proven AS (
    SELECT node_id,
        count(*) FILTER (WHERE verdict = 'pass') AS passed,
        count(*) FILTER (WHERE verdict = 'fail') AS failed,
        (array_agg(CASE verdict WHEN 'pass' THEN gpu_count ELSE 0 END ORDER BY id DESC))[1] AS gpu_count,
        (array_agg(gpu_model_id ORDER BY id DESC))[1] AS gpu_model_id,
        array_agg(bundle_sha256 ORDER BY id) AS bundles
    FROM validation_proof
    WHERE verdict IN ('pass', 'fail') AND finished_at > %(since)s AND finished_at <= %(until)s
    AND (NOT simulated OR %(simulated)s)
    GROUP BY node_id
), used AS (
    SELECT node_id,
        sum(gpu_count * extract(epoch FROM cut)) AS gpu_seconds,
        sum(paid_usd * coalesce(extract(epoch FROM cut) / nullif(extract(epoch FROM whole), 0), 1)) AS paid_usd
    FROM (
        SELECT node_id, gpu_count, paid_usd, ended_at - started_at AS whole,
            least(ended_at, %(until)s) - greatest(started_at, %(since)s) AS cut
        FROM marketplace_usagefact WHERE ended_at > %(since)s AND started_at < %(until)s
    ) fact
    GROUP BY node_id
), stood AS (
    SELECT node_id, created_at AS since, to_status AS status,
        lead(created_at, 1, %(until)s) OVER (PARTITION BY node_id ORDER BY created_at, id) AS until
    FROM marketplace_nodeevent WHERE to_status <> '' AND created_at <= %(until)s
    AND node_id IN (SELECT node_id FROM proven)
), online AS (
    SELECT node_id, sum(extract(epoch FROM least(until, %(until)s) - greatest(since, %(since)s))) AS seconds
    FROM stood WHERE status = ANY(%(answering)s) AND until > %(since)s GROUP BY node_id
)
SELECT node.public_id, coalesce(provider.hotkey, ''), model.name, proven.gpu_count, node.price_per_gpu_usd,
    floor(coalesce(online.seconds, 0)), proven.passed, proven.failed, floor(coalesce(used.gpu_seconds, 0)),
    round(coalesce(used.paid_usd, 0), 9), proven.bundles
FROM proven
JOIN marketplace_node node ON node.id = proven.node_id
JOIN marketplace_provider provider ON provider.id = node.provider_id
JOIN marketplace_gpumodel model ON model.id = proven.gpu_model_id
LEFT JOIN used ON used.node_id = node.id
LEFT JOIN online ON online.node_id = node.id
ORDER BY node.public_id
"""
# The median of what is asked for a GPU and hour, over machines that are on the market.
REFERENCE_PRICES: Final = """
SELECT model.name, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY node.price_per_gpu_usd))::numeric, 9)
FROM marketplace_node node JOIN marketplace_gpumodel model ON model.id = node.gpu_model_id
WHERE node.delisted_at IS NULL AND node.status = ANY(%(answering)s) GROUP BY model.name
"""
ANSWERING: Final = ["available", "reclaiming"]


@dataclass(frozen=True, slots=True)
class Window:
    """The time that scores look back over."""

    since: datetime
    until: datetime

    @property
    def seconds(self) -> int:
        """Give its length."""
        return int((self.until - self.since).total_seconds())


def machines(window: Window, *, simulated: bool) -> list[Machine]:
    """Give every machine with a decided proof in the window."""
    params = {
        "since": window.since,
        "until": window.until,
        "simulated": simulated,
        "answering": ANSWERING,
    }
    return [_machine(row) for row in _rows(MACHINES, params)]


def reference_prices() -> Mapping[str, Decimal]:
    """Give the median ask of each GPU model, in USD an hour."""
    return dict(_rows(REFERENCE_PRICES, {"answering": ANSWERING}))


def _machine(row: tuple[Any, ...]) -> Machine:
    node, hotkey, model, gpus, price, online, passed, failed, rented, paid, bundles = row
    return Machine(
        node=str(node),
        hotkey=hotkey,
        gpu_model=model,
        gpu_count=gpus,
        price_per_gpu_usd=price,
        online_seconds=int(online),
        passed=passed,
        failed=failed,
        rented_gpu_seconds=int(rented),
        paid_usd=paid,
        bundles=tuple(bundles),
    )


def _rows(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
