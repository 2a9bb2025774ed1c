"""Gathering what scores are computed from, each part by one query over the whole market."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from validation.scoring.data import Machine, Use

# Rounds are counted once they are over, first sitting and all.
OVER_AFTER: Final = timedelta(minutes=10)
ROUNDS: Final = """
SELECT beacon_number FROM validation_round WHERE started_at > %(since)s - %(over)s AND started_at <= %(until)s - %(over)s
ORDER BY beacon_number
"""
# Of each machine: the rounds of the window that it passed in their first sitting, what its newest decided proof showed,
# and its use, cut to the window, of all renters together by the hour. A proof that somebody asked for counts for no
# round: it was asked of one machine alone. A simulated proof counts on a simulated chain alone. Use of which nobody has
# counted yet what was paid is not known, and is left to the next window.
MACHINES: Final = """
WITH asked AS (
    SELECT proof.node_id,
        count(*) FILTER (WHERE verdict = 'pass' AND attempt = 1) AS passed,
        array_agg(bundle_sha256 ORDER BY proof.id) FILTER (WHERE verdict = 'pass' AND attempt = 1) AS bundles
    FROM validation_proof proof JOIN validation_round round ON round.id = proof.round_id
    WHERE round.started_at > %(since)s - %(over)s AND round.started_at <= %(until)s - %(over)s
    AND purpose = 'sweep' AND (NOT simulated OR %(simulated)s)
    GROUP BY proof.node_id
), hours AS (
    SELECT node_id, extract(epoch FROM hour)::bigint AS at, floor(sum(gpu_count * extract(epoch FROM part))) AS gpu_seconds,
        round(floor(sum(coalesce(paid_usd * extract(epoch FROM part) / nullif(extract(epoch FROM whole), 0), paid_usd)) * 1e9) / 1e9, 9)
        AS paid_usd
    FROM (
        SELECT node_id, gpu_count, paid_usd, hour, ended_at - started_at AS whole,
            least(ended_at, %(until)s, hour + interval '1 hour') - greatest(started_at, %(since)s, hour) AS part
        FROM marketplace_usagefact, generate_series(
            date_trunc('hour', greatest(started_at, %(since)s), 'UTC'), least(ended_at, %(until)s), interval '1 hour'
        ) hour
        WHERE ended_at > %(since)s AND started_at < %(until)s AND paid_usd IS NOT NULL
    ) fact
    WHERE part > interval '0' OR whole = interval '0'
    GROUP BY node_id, hour
), used AS (
    SELECT node_id, json_agg(json_build_array(at, gpu_seconds, paid_usd::text) ORDER BY at) AS use
    FROM hours GROUP BY node_id
), newest AS (
    SELECT DISTINCT ON (node_id) node_id, gpu_model_id,
        CASE verdict WHEN 'pass' THEN gpu_count ELSE 0 END AS gpu_count
    FROM validation_proof
    WHERE verdict IN ('pass', 'fail') AND purpose <> 'hand_over' AND finished_at <= %(until)s
    AND (NOT simulated OR %(simulated)s)
    AND node_id IN (SELECT node_id FROM asked UNION SELECT node_id FROM used)
    ORDER BY node_id, id DESC
)
SELECT node.public_id, coalesce(provider.hotkey, ''), model.name, newest.gpu_count, node.price_per_gpu_usd,
    coalesce(asked.passed, 0), coalesce(used.use, '[]'), coalesce(asked.bundles, ARRAY[]::varchar[])
FROM newest
JOIN marketplace_node node ON node.id = newest.node_id
JOIN marketplace_provider provider ON provider.id = node.provider_id
JOIN marketplace_gpumodel model ON model.id = newest.gpu_model_id
LEFT JOIN asked ON asked.node_id = node.id
LEFT JOIN used ON used.node_id = node.id
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


def rounds(window: Window) -> tuple[int, ...]:
    """Give the blocks of the window's rounds."""
    return tuple(block for (block,) in _rows(ROUNDS, _bounds(window)))


def machines(window: Window, *, simulated: bool) -> list[Machine]:
    """Give every machine that was asked or rented in the window and had a decided proof."""
    params = {**_bounds(window), "simulated": simulated}
    return [_machine(row) for row in _rows(MACHINES, params)]


def reference_prices() -> Mapping[str, Decimal]:
    """Give the median ask of each GPU model, in USD an hour."""
    return dict(_rows(REFERENCE_PRICES, {"answering": ANSWERING}))


def _bounds(window: Window) -> Mapping[str, Any]:
    return {"since": window.since, "until": window.until, "over": OVER_AFTER}


def _machine(row: tuple[Any, ...]) -> Machine:
    node, hotkey, model, gpus, price, passed, use, bundles = row
    return Machine(
        node=str(node),
        hotkey=hotkey,
        gpu_model=model,
        gpu_count=gpus,
        price_per_gpu_usd=price,
        passed=passed,
        use=tuple(Use(at, int(gpu_seconds), Decimal(paid)) for at, gpu_seconds, paid in use),
        bundles=tuple(bundles),
    )


def _rows(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
