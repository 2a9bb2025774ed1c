"""Running pods by the hundred thousand, and tables for the reference that differ from ours by their triggers alone."""

from typing import Any

import psycopg
from psycopg import sql

RENTERS = 5_000
PROVIDERS = 500
ACCOUNTS = """
INSERT INTO billing_account (code, kind, currency, balance, created_at)
SELECT %(kind)s || ':bench' || i, %(kind)s, 'USD', 0, now() FROM generate_series(1, %(count)s) AS i
RETURNING id
"""
PODS = """
INSERT INTO rentals_pod (public_id, status, phase, last_proof_at, hourly_price_usd, price_per_gpu_usd, gpu_count, {others})
SELECT gen_random_uuid(), 'running', 'ssh', %(start)s, 2, 2, 1, {nothing} FROM generate_series(1, %(pods)s)
"""
METERS = """
INSERT INTO rentals_podmeter (pod_id, renter_account_id, provider_account_id, fee_account_id, hourly_price_usd,
    fee_rate, counted_seconds, ready_since, posted_usd, posted_fee_usd, settled)
SELECT id, (%(renters)s::bigint[])[1 + id %% cardinality(%(renters)s::bigint[])],
    (%(providers)s::bigint[])[1 + id %% cardinality(%(providers)s::bigint[])], %(fee)s,
    0.2 + (id * 7919 %% 100000) / 20000.0, 0.05, 0, %(start)s, 0, 0, true
FROM rentals_pod
"""
# Columns that a tick does not read get what is nothing in their type; its foreign keys are not looked at either.
OTHERS = """
SELECT column_name, CASE data_type WHEN 'ARRAY' THEN '''{}''' WHEN 'jsonb' THEN '''{}'''
    WHEN 'boolean' THEN 'false' WHEN 'timestamp with time zone' THEN 'now()'
    WHEN 'character varying' THEN '''''' WHEN 'text' THEN '''''' ELSE '1' END
FROM information_schema.columns
WHERE table_schema = current_schema AND table_name = 'rentals_pod' AND is_nullable = 'NO'
AND is_identity = 'NO' AND column_name <> ALL(%s)
"""
GIVEN = [
    "public_id",
    "phase",
    "status",
    "last_proof_at",
    "hourly_price_usd",
    "price_per_gpu_usd",
    "gpu_count",
]
# INCLUDING ALL takes keys, indexes, checks and defaults along, and leaves triggers behind.
REFERENCE = """
CREATE TABLE bench_entry (LIKE billing_entry INCLUDING ALL);
CREATE TABLE bench_posting (LIKE billing_posting INCLUDING ALL);
"""
COPY = (
    "INSERT INTO bench_entry OVERRIDING SYSTEM VALUE SELECT * FROM billing_entry WHERE id > %(entry)s",
    "INSERT INTO bench_posting OVERRIDING SYSTEM VALUE SELECT * FROM billing_posting WHERE id > %(posting)s",
)


def fill(connection: psycopg.Connection[Any], *, pods: int, start: str) -> None:
    """Make accounts, running pods and their meters, and the reference's empty tables."""
    # Neither nodes nor quotes are needed: no reference is asked for while this session fills.
    connection.execute("SET session_replication_role = replica")
    renters = _accounts(connection, kind="renter", count=RENTERS)
    providers = _accounts(connection, kind="provider", count=PROVIDERS)
    [fee] = _accounts(connection, kind="fee", count=1)
    others = connection.execute(OTHERS, [GIVEN]).fetchall()
    statement = sql.SQL(PODS).format(
        others=sql.SQL(", ").join(sql.Identifier(name) for name, _ in others),
        nothing=sql.SQL(", ").join(sql.SQL(value) for _, value in others),
    )
    connection.execute(statement, {"pods": pods, "start": start})
    accounts = {"renters": renters, "providers": providers, "fee": fee}
    connection.execute(METERS, {**accounts, "start": start})
    connection.execute("SET session_replication_role = origin")
    connection.execute(REFERENCE)
    connection.execute("VACUUM ANALYZE")


def next_minute(connection: psycopg.Connection[Any], *, now: str) -> None:
    """Prove every pod again, and do what autovacuum does between two ticks."""
    connection.execute("UPDATE rentals_pod SET last_proof_at = %s", [now])
    connection.execute("VACUUM ANALYZE rentals_pod, rentals_podmeter, billing_account")
    connection.execute("CHECKPOINT")


def _accounts(connection: psycopg.Connection[Any], *, kind: str, count: int) -> list[int]:
    made = connection.execute(ACCOUNTS, {"kind": kind, "count": count})
    return [row[0] for row in made.fetchall()]
