"""Use as facts for the market: an hour at a time while a pod runs, and the rest when it ends; what was charged for each.

Facts of one pod never overlap: each goes on where the one before ended, or begins with a later stretch of readiness. Together
they come to what the ledger charged for the pod, less what was paid back: the last one takes what is left of that.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from rentals.models.pod import REFUND_KEY

SLICE: Final = timedelta(hours=1)
TURN: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('rentals.usage_facts', 0))"
# What of each stretch of readiness is no fact yet: what comes after the newest, for a pod's use is told in its order.
UNTOLD: Final = """
FROM rentals_pod pod
JOIN rentals_podmeter meter ON meter.pod_id = pod.id
LEFT JOIN LATERAL (
    SELECT fact.ended_at AS until FROM marketplace_usagefact fact
    WHERE fact.holder = pod.public_id ORDER BY fact.started_at DESC LIMIT 1
) told ON true
JOIN rentals_readyinterval ready ON ready.pod_id = pod.id AND (ready.ended_at >= told.until) IS NOT FALSE
CROSS JOIN LATERAL (
    SELECT greatest(ready.started_at, told.until) AS since, coalesce(ready.ended_at, meter.posted_until) AS until
) stretch
"""
RECORD: Final = """
WITH part AS (
    SELECT pod.id AS pod_id, pod.node_id, pod.public_id, pod.gpu_count, stretch.since, stretch.until,
        round(meter.hourly_price_usd * extract(epoch FROM stretch.until - stretch.since) / 3600, 9) AS price,
        row_number() OVER (PARTITION BY pod.id ORDER BY stretch.since DESC, stretch.until DESC) = 1 AS is_last
    {untold} WHERE {which}
), charged AS (
    SELECT part.*, {charged} AS usd FROM part
)
INSERT INTO marketplace_usagefact (node_id, holder, started_at, ended_at, gpu_count, charged_usd)
SELECT node_id, public_id, since, until, gpu_count, usd FROM charged
WHERE until > since OR (is_last AND usd <> 0)
ORDER BY pod_id, since
ON CONFLICT (holder, started_at) DO NOTHING
"""
# A fact ends where charges end: what is not charged is not told either. Once a pod is removed, all of it is told.
OPEN: Final = RECORD.format(
    untold=UNTOLD,
    which="""pod.status <> 'removed' AND CASE WHEN ready.ended_at IS NULL
    THEN stretch.until - stretch.since >= %(slice)s ELSE ready.ended_at <= meter.posted_until END""",
    charged="price",
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
ENDED: Final = RECORD.format(untold=UNTOLD, which="pod.id = %(pod)s", charged=REST)
# What is paid back is left out: that is known for sure when the pod ends.
UNTOLD_USD: Final = f"""
SELECT provider.public_id, sum(meter.hourly_price_usd * (1 - meter.fee_rate) / 3600 * extract(
    epoch FROM least(stretch.until, meter.posted_until, %(before)s) - stretch.since
))
{UNTOLD}
JOIN marketplace_node node ON node.id = pod.node_id
JOIN marketplace_provider provider ON provider.id = node.provider_id
WHERE provider.public_id = ANY(%(providers)s) AND pod.status <> 'removed'
AND stretch.until > stretch.since AND meter.posted_until > stretch.since AND %(before)s > stretch.since
GROUP BY provider.public_id
"""  # noqa: S608  # of constants alone


def record_open() -> int:
    """Record what pods that are not removed used since their last fact; give how many facts that are.

    Of a stretch that goes on, an hour or more; of one that ended, all. Nothing while another worker is at it: of two
    that see a pod apart, one could tell its later use before the rest of its earlier.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TURN)
        return _run(OPEN, {"slice": SLICE}) if cursor.fetchone()[0] else 0


def record_ended(pod_id: int) -> int:
    """Record what of a pod's use is no fact yet, once its meter is settled; a repeat adds nothing.

    In the transaction that removes the pod. Where `record_open` is at the same stretch, the first try waits for it
    and adds nothing; the second goes on where that ended.
    """
    return sum(_run(ENDED, {"pod": pod_id, "refund": REFUND_KEY}) for _ in range(2))


def untold_usd(provider_ids: Collection[UUID], *, before: datetime) -> dict[UUID, Decimal]:
    """Give what providers earned, after the fee, by charged use before a moment that is no fact yet."""
    with connection.cursor() as cursor:
        cursor.execute(UNTOLD_USD, {"providers": list(provider_ids), "before": before})
        return dict(cursor.fetchall())


def _run(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
