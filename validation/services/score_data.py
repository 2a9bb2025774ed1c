"""Gathering what scores are computed from, each part by one query over the whole market."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from validation import terms
from validation.scoring.data import Machine, Use

# Rounds are counted once they are over: all phases of the first sitting end before the second one's block.
OVER_AFTER: Final = terms.ROUND.lead + terms.ROUND.apart
ROUNDS: Final = """
SELECT beacon_number FROM validation_round WHERE started_at > %(since)s - %(over)s AND started_at <= %(until)s - %(over)s
ORDER BY beacon_number
"""
# What each machine showed in the newest round that decided, for the hotkey that its provider has by now. A proof of one
# machine alone, which anybody may ask for, earns nothing: one that has failed since leaves no GPU, and one that passed
# changes nothing. A simulated proof counts on a simulated chain alone.
SHOWN: Final = """
WITH shown AS (
    SELECT node.id AS node_id, coalesce(provider.hotkey, '') AS hotkey, newest.gpu_model_id,
        CASE WHEN EXISTS (
            SELECT FROM validation_proof failed
            WHERE node_id = node.id AND failed.id >= newest.id AND verdict = 'fail' AND purpose <> 'hand_over'
            AND finished_at <= %(until)s AND (NOT simulated OR %(simulated)s)
        ) THEN 0 ELSE newest.gpu_count END AS gpu_count
    FROM marketplace_node node JOIN marketplace_provider provider ON provider.id = node.provider_id
    CROSS JOIN LATERAL (
        SELECT id, gpu_model_id, gpu_count FROM validation_proof
        WHERE node_id = node.id AND verdict IN ('pass', 'fail') AND purpose = 'sweep'
        AND finished_at <= %(until)s AND (NOT simulated OR %(simulated)s)
        ORDER BY id DESC LIMIT 1
    ) newest
)
"""
# Of each machine: the rounds of the window in which it showed just that, in their first sitting, and its use, cut to the
# window, of all renters together by the hour. Use of which nobody has counted yet what was paid is not known, and is
# left to the next window.
MACHINES: Final = f"""
{SHOWN}, asked AS (
    SELECT node_id, count(*) FILTER (WHERE counts) AS passed,
        array_agg(bundle_sha256 ORDER BY id) FILTER (WHERE counts) AS bundles
    FROM (
        SELECT proof.id, node_id, bundle_sha256, verdict = 'pass' AND attempt = 1 AND
            (proof.hotkey, proof.gpu_model_id, proof.gpu_count) = (shown.hotkey, shown.gpu_model_id, shown.gpu_count) AS counts
        FROM validation_proof proof JOIN validation_round round ON round.id = proof.round_id JOIN shown USING (node_id)
        WHERE round.started_at > %(since)s - %(over)s AND round.started_at <= %(until)s - %(over)s
        AND purpose = 'sweep' AND (NOT simulated OR %(simulated)s)
    ) proof
    GROUP BY node_id
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
)
SELECT node.public_id, shown.hotkey, model.name, shown.gpu_count, node.price_per_gpu_usd,
    coalesce(asked.passed, 0), coalesce(used.use, '[]'), coalesce(asked.bundles, ARRAY[]::varchar[])
FROM shown
JOIN marketplace_node node ON node.id = shown.node_id
JOIN marketplace_gpumodel model ON model.id = shown.gpu_model_id
LEFT JOIN asked ON asked.node_id = node.id
LEFT JOIN used ON used.node_id = node.id
WHERE asked.node_id IS NOT NULL OR used.node_id IS NOT NULL
ORDER BY node.public_id
"""  # noqa: S608  # of constants alone
# The median of what providers ask for a GPU and hour, one voice each, of machines that are on the market as what they
# showed in a round; at least half and at most twice what the catalogue says, where it says something.
REFERENCE_PRICES: Final = f"""
{SHOWN}, asks AS (
    SELECT node.gpu_model_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY node.price_per_gpu_usd) AS usd
    FROM shown JOIN marketplace_node node ON node.id = shown.node_id AND node.gpu_model_id = shown.gpu_model_id
    WHERE shown.gpu_count > 0 AND node.delisted_at IS NULL AND node.frozen_at IS NULL AND node.status = ANY(%(answering)s)
    GROUP BY node.gpu_model_id, node.provider_id
), medians AS (
    SELECT gpu_model_id, (percentile_cont(0.5) WITHIN GROUP (ORDER BY usd))::numeric AS usd FROM asks GROUP BY gpu_model_id
)
SELECT model.name, round(least(greatest(usd, secure_price_usd / 2), secure_price_usd * 2), 9)
FROM medians JOIN marketplace_gpumodel model ON model.id = medians.gpu_model_id
"""  # noqa: S608  # of constants alone
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
    """Give every machine that was asked or rented in the window and has shown something in a round."""
    params = {**_bounds(window), "simulated": simulated}
    return [_machine(row) for row in _rows(MACHINES, params)]


def reference_prices(window: Window, *, simulated: bool) -> Mapping[str, Decimal]:
    """Give what providers ask for each GPU model at this moment, in USD an hour."""
    params = {"until": window.until, "simulated": simulated, "answering": ANSWERING}
    return dict(_rows(REFERENCE_PRICES, params))


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
