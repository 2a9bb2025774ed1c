"""Paid use as facts for the market: an hour at a time while a pod runs, and the rest when it ends.

Facts of one pod never overlap: each goes on where the one before ended, within the same stretch of readiness.
"""

from datetime import timedelta
from typing import Any, Final

from django.db import connection

SLICE: Final = timedelta(hours=1)
RECORD: Final = """
INSERT INTO marketplace_usagefact (node_id, holder, started_at, ended_at, gpu_count, paid_usd)
SELECT pod.node_id, pod.public_id, part.since, part.until, pod.gpu_count,
    round(meter.hourly_price_usd * extract(epoch FROM part.until - part.since) / 3600, 9)
FROM rentals_readyinterval ready
JOIN rentals_pod pod ON pod.id = ready.pod_id
JOIN rentals_podmeter meter ON meter.pod_id = pod.id
CROSS JOIN LATERAL (
    SELECT greatest(ready.started_at, max(fact.ended_at)) AS since, coalesce(ready.ended_at, pod.last_proof_at) AS until
    FROM marketplace_usagefact fact WHERE fact.holder = pod.public_id AND fact.started_at >= ready.started_at
    AND fact.started_at < coalesce(ready.ended_at, 'infinity')
) part
WHERE {which} AND part.until > part.since
ON CONFLICT (holder, started_at) DO NOTHING
"""
RUNNING: Final = RECORD.format(
    which="ready.ended_at IS NULL AND part.until - part.since >= %(slice)s"
)
ENDED: Final = RECORD.format(which="pod.id = %(pod)s")


def record_running() -> int:
    """Record what running pods used since their last fact, where that is an hour or more; give how many."""
    return _run(RUNNING, {"slice": SLICE})


def record_ended(pod_id: int) -> int:
    """Record what of a pod's use is no fact yet; a repeat adds nothing."""
    return _run(ENDED, {"pod": pod_id})


def _run(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
