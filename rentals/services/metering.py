"""Charging for proven ready time: one set-based statement for any number of pods (docs/money.md).

A charge is round(hourly price x total ready seconds / 3600) minus what was posted before, and the fee likewise, so
that rounding never drifts. The meters and the entries move in the same statement; an entry's key names the pod and
the end of the charged time, so that a repeat finds nothing due.
"""

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from billing import ledger

KIND: Final = "usage"
SUBJECT: Final = "pod"


def _half_even(exact: str) -> str:
    """Round as ``core.money.quantize`` does: PostgreSQL itself would round a half away from zero."""
    floor = f"trunc({exact}, 9)"
    tie = f"{exact} - {floor} = 0.0000000005 AND mod({floor} * 1000000000, 2) = 0"
    return f"CASE WHEN {tie} THEN {floor} ELSE round({exact}, 9) END"


# What a tick over 100,000 pods holds between its steps; with less it goes over temporary files.
ROOM: Final = "SET LOCAL work_mem = '64MB'"
# A running pod is charged up to its last proof, never up to now: without an answer nobody is billed.
# OFFSET 0 keeps the steps apart: merged, PostgreSQL would work the same division out dozens of times a pod.
STATEMENT: Final = """
WITH due AS MATERIALIZED (
    SELECT meter.*, pod.public_id,
        CASE WHEN meter.ready_since IS NULL THEN meter.counted_until
             ELSE greatest(least(%(now)s, coalesce(pod.last_proof_at, meter.ready_since)),
                          meter.ready_since) END AS until
    FROM rentals_podmeter AS meter
    JOIN rentals_pod AS pod ON pod.id = meter.pod_id
    WHERE (meter.ready_since IS NOT NULL OR NOT meter.settled)
      AND (%(pod_id)s::bigint IS NULL OR meter.pod_id = %(pod_id)s)
    ORDER BY meter.pod_id
    FOR NO KEY UPDATE OF meter
), measured AS (
    SELECT *, (hourly_price_usd * (
        counted_seconds + coalesce(extract(epoch FROM until - ready_since), 0)
    ))::numeric(60, 30) / 3600 AS exact
    FROM due WHERE until > coalesce(posted_until, '-infinity') OR ready_since IS NULL OFFSET 0
), charged AS (
    SELECT *, {charge} AS charge FROM measured OFFSET 0
), split AS (
    SELECT *, {fee} AS fee FROM charged OFFSET 0
)
UPDATE rentals_podmeter AS meter
SET posted_usd = split.charge, posted_fee_usd = split.fee, posted_until = split.until,
    settled = split.ready_since IS NULL
FROM split WHERE meter.pod_id = split.pod_id AND split.charge > split.posted_usd
RETURNING
    'pod:' || split.public_id || ':until:'
        || to_char(split.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS key,
    split.public_id AS subject_id, split.until AS occurred_at, '' AS memo,
    ARRAY[split.renter_account_id, split.provider_account_id, split.fee_account_id] AS accounts,
    ARRAY[
        split.posted_usd - split.charge,
        (split.charge - split.posted_usd) - (split.fee - split.posted_fee_usd),
        split.fee - split.posted_fee_usd
    ] AS amounts
"""
CHARGE: Final = STATEMENT.format(charge=_half_even("exact"), fee=_half_even("charge * fee_rate"))


def tick(*, now: datetime) -> int:
    """Charge every pod for its ready time since the last charge; give the number of entries."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ROOM)
        return _charge(now=now, pod_id=None)


def settle(*, pod_id: int, now: datetime) -> int:
    """Charge one pod up to its last proof; to the second once its meter is closed."""
    return _charge(now=now, pod_id=pod_id)


def _charge(*, now: datetime, pod_id: int | None) -> int:
    return ledger.post_from(
        kind=KIND, subject_kind=SUBJECT, facts=CHARGE, params={"now": now, "pod_id": pod_id}
    ).written
