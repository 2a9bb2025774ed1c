"""Use as facts for the market: an hour at a time while a pod runs, and the rest when it ends; what was charged for each.

Facts of one pod never overlap: each goes on where the one before ended, within the same stretch of readiness. Together
they come to what the ledger charged for the pod, less what was paid back: the last one takes what is left of that.
"""

from datetime import timedelta
from typing import Any, Final

from django.db import connection

from rentals.services import refunds

SLICE: Final = timedelta(hours=1)
# A running pod's fact ends where its charges end: what is not charged is not told either.
RECORD: Final = """
WITH part AS (
    SELECT pod.id AS pod_id, pod.node_id, pod.public_id, pod.gpu_count, stretch.since, stretch.until,
        round(meter.hourly_price_usd * extract(epoch FROM stretch.until - stretch.since) / 3600, 9) AS price,
        row_number() OVER (PARTITION BY pod.id ORDER BY stretch.since DESC) = 1 AS is_last
    FROM rentals_readyinterval ready
    JOIN rentals_pod pod ON pod.id = ready.pod_id
    JOIN rentals_podmeter meter ON meter.pod_id = pod.id
    CROSS JOIN LATERAL (
        SELECT greatest(ready.started_at, max(fact.ended_at)) AS since, coalesce(ready.ended_at, meter.posted_until) AS until
        FROM marketplace_usagefact fact WHERE fact.holder = pod.public_id AND fact.started_at >= ready.started_at
        AND fact.started_at < coalesce(ready.ended_at, 'infinity')
    ) stretch
    WHERE {which}
), charged AS (
    SELECT part.*, {charged} AS usd FROM part
)
INSERT INTO marketplace_usagefact (node_id, holder, started_at, ended_at, gpu_count, charged_usd)
SELECT node_id, public_id, since, until, gpu_count, usd FROM charged
WHERE until > since OR (is_last AND usd <> 0)
ON CONFLICT (holder, started_at) DO NOTHING
"""
RUNNING: Final = RECORD.format(
    which="ready.ended_at IS NULL AND stretch.until - stretch.since >= %(slice)s", charged="price"
)
# What is paid back is known before the pod's row ends (docs/locking.md).
REST: Final = """
CASE WHEN is_last THEN (SELECT posted_usd FROM rentals_podmeter meter WHERE meter.pod_id = part.pod_id)
    - coalesce((SELECT sum(charged_usd) FROM marketplace_usagefact fact WHERE fact.holder = part.public_id), 0)
    - coalesce((SELECT posting.amount FROM billing_entry entry
        JOIN billing_posting posting ON posting.entry_id = entry.id
        JOIN rentals_podmeter meter ON meter.renter_account_id = posting.account_id AND meter.pod_id = part.pod_id
        WHERE entry.idempotency_key = %(refund)s::text || part.public_id), 0)
    - coalesce(sum(price) OVER (PARTITION BY pod_id ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
ELSE price END
"""
ENDED: Final = RECORD.format(which="pod.id = %(pod)s", charged=REST)


def record_running() -> int:
    """Record what running pods used since their last fact, where that is an hour or more; give how many."""
    return _run(RUNNING, {"slice": SLICE})


def record_ended(pod_id: int) -> int:
    """Record what of a pod's use is no fact yet, once its meter is settled; a repeat adds nothing."""
    return _run(ENDED, {"pod": pod_id, "refund": refunds.KEY})


def _run(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
