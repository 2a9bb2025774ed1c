"""A large market in one statement, and the same rows in a plain table for the reference."""

from hashlib import sha256
from typing import Any

import psycopg

ROWS = 100_000
KEYS = 10_000

COLUMNS = """
    public_id, provider_id, name, status, status_reason, simulated, gpu_model_id, gpu_count, free_gpu_count,
    min_gpu_count, price_per_gpu_usd, tier, host, ssh_port, ssh_user, host_key, public_host, bind_address,
    first_port, last_port, free_port_count, state_dir, gpu_access, cpu_count, ram_mib, disk_gib, download_mbps,
    upload_mbps, driver_version, cuda_version, nvlink, power_limited, country_code, country, city, latitude,
    longitude, starts_proven, starts_failed, typical_ready_seconds, last_verified_at, last_seen_at, boot_id,
    missed_probes, prepared_digest, cached_images, created_at, updated_at, notice_hours"""
VALUES = """gen_random_uuid(), %(provider)s, '', 'available', '', false,
    (%(models)s::bigint[])[1 + i %% cardinality(%(models)s::bigint[])], 8, 1 + i %% 8,
    1, 0.1 + (i * 7919 %% 100000) / 20000.0, 'secure', 'node' || i || '.example.com', 22, 'lium',
    'ssh-ed25519 bench' || i, '203.0.113.7', '0.0.0.0', 40000, 40999, 1000, '/var/lib/lium-node', 'gpus',
    16 + i %% 200, 64000 + i %% 900000, 500 + i %% 20000, 100 + i %% 9900, 50 + i %% 5000, '570.124.06',
    12.4 + (i %% 5) / 10.0, i %% 3 = 0, false, 'DE', 'Germany', 'Berlin', 52.5, 13.4,
    i %% 90, i %% 4, 3.5, now() - make_interval(secs => i %% 86400), now(), '',
    0, 'x', '{}', now(), now(), 24"""
# Columns that say nothing of an offer get what is nothing in their type.
NOTHING = {
    "text": "''",
    "character varying": "''",
    "boolean": "false",
    "jsonb": "'{}'",
    "ARRAY": "'{}'",
}
OTHERS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = current_schema AND table_name = 'marketplace_node' AND is_nullable = 'NO'
AND is_identity = 'NO' AND column_default IS NULL AND column_name <> ALL(%s)
"""
REFERENCE = """
CREATE TABLE bench_machine AS
SELECT node.id, node.public_id, gpu.name AS gpu_model, node.gpu_count, node.free_gpu_count AS gpu_free,
    node.price_per_gpu_usd::float8 AS price, node.tier, node.country_code, node.city, node.cpu_count,
    node.ram_mib, node.disk_gib, node.download_mbps, node.upload_mbps, node.cuda_version::float8 AS cuda,
    node.nvlink, node.driver_version, node.last_verified_at, true AS online
FROM marketplace_node node JOIN marketplace_gpumodel gpu ON gpu.id = node.gpu_model_id;
CREATE INDEX ON bench_machine (price, id) INCLUDE (gpu_count) WHERE online AND gpu_free > 0;
CREATE TABLE bench_token AS SELECT digest FROM accounts_apikey;
ALTER TABLE bench_token ADD PRIMARY KEY (digest);
"""
API_KEYS = """
INSERT INTO accounts_apikey (
    public_id, workspace_id, user_id, name, digest, prefix, last_four, scopes, pod_visibility, created_at)
SELECT gen_random_uuid(), workspace_id, user_id, 'bench', made.digest, 'sk_ben', 'ench', scopes, 'account', now()
FROM accounts_apikey CROSS JOIN unnest(%(digests)s::text[]) AS made (digest) LIMIT %(keys)s
"""


def key(number: int) -> str:
    """Give the number-th API key."""
    return f"sk_bench_{number:08d}"


def fill(url: str) -> None:
    """Write 100,000 rentable nodes, 10,000 keys and the reference's copy of both; read the plans' figures."""
    digests = [sha256(key(number).encode()).hexdigest() for number in range(KEYS)]
    with psycopg.connect(url, autocommit=True) as connection:
        provider = _one(
            connection,
            "INSERT INTO marketplace_provider (public_id, name, coldkey, opted_in, subscribed_gpus,"
            " ssh_public_key, ssh_private_key_encrypted, created_at)"
            " VALUES (gen_random_uuid(), 'bench', '', true, '{}', '-', '-', now()) RETURNING id",
        )
        models = _one(connection, "SELECT array_agg(id) FROM marketplace_gpumodel")
        values = {"provider": provider, "models": models, "rows": ROWS}
        connection.execute(_nodes(connection), values)
        made = connection.execute(API_KEYS, {"digests": digests, "keys": KEYS})
        if made.rowcount != KEYS:
            raise RuntimeError("The seeded renter has no API key to copy.")
        for statement in REFERENCE.split(";\n"):
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")


def keep_only(url: str, count: int) -> None:
    """Leave so many rows rentable, in both tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE marketplace_node SET status = 'offline' WHERE id NOT IN"
            " (SELECT id FROM marketplace_node ORDER BY id LIMIT %s)",
            [count],
        )
        connection.execute(
            "UPDATE bench_machine SET online = false WHERE id IN"
            " (SELECT id FROM marketplace_node WHERE status = 'offline')"
        )
        connection.execute("VACUUM ANALYZE")


def _nodes(connection: "psycopg.Connection[Any]") -> str:
    """Write the statement that fills the table as it is now."""
    named = [name.strip() for name in COLUMNS.split(",")]
    others = dict(connection.execute(OTHERS, [named]).fetchall())
    names = ", ".join([COLUMNS, *others])
    values = ", ".join([VALUES, *(NOTHING.get(kind, "0") for kind in others.values())])
    return f"INSERT INTO marketplace_node ({names}) SELECT {values} FROM generate_series(1, %(rows)s) i"  # noqa: S608


def _one(connection: "psycopg.Connection[Any]", sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None
