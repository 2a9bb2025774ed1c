"""Rate limits shared by all processes: a moving window in Redis.

Fails open with a warning when Redis is away: the limits blunt guessing and floods, they are not what keeps a
stranger out, and a market whose doors all close with its cache would be worse off (docs/security.md).
"""

import math
import time
from functools import cache

import structlog
from django.conf import settings
from limits import parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from core.errors import RateLimited
from core.words import counted

# Seconds; a limit may never cost more than the request that it guards.
REDIS_TIMEOUT = 0.5

log = structlog.get_logger(__name__)


def check(bucket: str, identity: str, rate: str) -> None:
    """Count one try of ``identity`` in ``bucket`` against a rate such as ``10/minute``.

    :raises RateLimited: the window is full; ``retry_after`` says when it has room again.
    """
    item = parse(rate)
    try:
        if _limiter().hit(item, bucket, identity):
            return
        room_at = _limiter().get_window_stats(item, bucket, identity).reset_time
    except RedisError as error:
        log.warning("ratelimit.unavailable", bucket=bucket, error=str(error))
        return
    retry_after = max(1, math.ceil(room_at - time.time()))
    raise RateLimited(
        f"Too many tries: at most {item.amount} in {_window(item.get_expiry())} are allowed here.",
        retry_after=retry_after,
        hint=f"Try again in {retry_after} seconds.",
    )


def forgive(bucket: str, identity: str, rate: str) -> None:
    """Empty the window of ``identity``, after a try that proved itself honest."""
    try:
        _limiter().clear(parse(rate), bucket, identity)
    except RedisError as error:
        log.warning("ratelimit.unavailable", bucket=bucket, error=str(error))


def reset() -> None:
    """Empty every window."""
    _limiter().storage.reset()


@cache
def _limiter() -> MovingWindowRateLimiter:
    # The library names a Redis socket by a scheme of its own.
    url = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
    storage = RedisStorage(url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT)
    return MovingWindowRateLimiter(storage)


def _window(seconds: int) -> str:
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % length == 0:
            return counted(seconds // length, unit)
    return f"{seconds} seconds"
