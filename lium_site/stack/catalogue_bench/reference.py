"""The physical limit: the same work without a framework, a bare ASGI application over asyncpg.

One statement checks the key and builds the list as JSON; ``BENCH_DATABASE_URL`` names the database.
"""

import os
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

LIST = """
SELECT (SELECT true FROM bench_token WHERE digest = $1), (
    SELECT json_agg(page)::text FROM (
        SELECT id, public_id, gpu_model, gpu_count, gpu_free, price, tier, country_code, city, cpu_count, ram_mib,
            disk_gib, download_mbps, upload_mbps, cuda, nvlink, driver_version, last_verified_at
        FROM bench_machine WHERE online AND gpu_free > 0 ORDER BY price, id LIMIT $2
    ) page
)
"""
_pool: list[Any] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer every request with a page of offers."""
    if scope["type"] != "http":
        return
    key = dict(scope["headers"]).get(b"x-api-key", b"")
    limit = int(parse_qs(scope["query_string"]).get(b"limit", [b"100000"])[0])
    async with (await _connections()).acquire() as connection:
        known, text = await connection.fetchrow(LIST, sha256(key).hexdigest(), limit)
    body = text.encode() if known else b"[]"
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200 if known else 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _connections() -> Any:
    if not _pool:
        address = urlsplit(os.environ["BENCH_DATABASE_URL"])
        host = parse_qs(address.query).get("host", [address.hostname])[0]
        made = await asyncpg.create_pool(
            host=host,
            port=address.port or 5432,
            user=address.username,
            password=address.password,
            database=address.path.lstrip("/"),
            min_size=4,
            max_size=8,
        )
        _pool.append(made)
    return _pool[0]
