"""What the market rests on, for the status page and the admin's first page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import redis
from django.conf import settings
from django.db import Error, connection

from lium_site.celery import QUEUES

TIMEOUT: Final = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One part that must answer: ``state`` is ok, stale, failing or unknown."""

    label: str
    state: str
    detail: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Queue:
    """How many messages wait in a queue."""

    name: str
    depth: int


def checks(*, now: datetime) -> list[Check]:
    """Ask each part that a page depends on."""
    return [
        _check("Database", _ask_database, now=now),
        _check("Redis", lambda: redis_client().ping() and None, now=now),
    ]


def queues() -> list[Queue]:
    """Count what waits for workers; empty when the broker does not answer."""
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            for name in QUEUES:
                pipeline.llen(name)
            depths = pipeline.execute()
    except redis.RedisError:
        return []
    return [Queue(name, depth) for name, depth in zip(QUEUES, depths, strict=True)]


def overall(found: list[Check]) -> str:
    """Give the worst state."""
    ranks = ["ok", "stale", "unknown", "failing"]
    return max((check.state for check in found), key=ranks.index, default="unknown")


def redis_client() -> redis.Redis:
    """Open Redis with short timeouts: a check must not hang."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    )


def _check(label: str, ask: Callable[[], object], *, now: datetime) -> Check:
    try:
        ask()
    except (Error, redis.RedisError) as error:
        return Check(label, "failing", f"does not answer: {error}", now)
    return Check(label, "ok", "answers", now)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
