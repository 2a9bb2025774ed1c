"""The cache of what may be missing: while Redis is away nothing is kept, and nobody is refused for it."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

# Seconds; a cache may never cost more than what it saves.
REDIS_TIMEOUT: Final = 0.5
T = TypeVar("T")

log = structlog.get_logger(__name__)


class LenientRedisCache(RedisCache):
    """Django's cache in Redis, which reads as empty while Redis does not answer."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        timeouts = {"socket_timeout": REDIS_TIMEOUT, "socket_connect_timeout": REDIS_TIMEOUT}
        super().__init__(server, params | {"OPTIONS": timeouts | params.get("OPTIONS", {})})
        self._class = LenientRedisClient


class LenientRedisClient(RedisCacheClient):
    """The operations that pages use; a counter or a lock that lies would be worse than one that fails."""

    def get(self, key: Any, default: Any) -> Any:
        """Give what is kept, or the default."""
        return _attempt(lambda: super(LenientRedisClient, self).get(key, default), default)

    def get_many(self, keys: Any) -> dict[Any, Any]:
        """Give what is kept of these."""
        return _attempt(lambda: super(LenientRedisClient, self).get_many(keys), {})

    def set(self, key: Any, value: Any, timeout: Any) -> None:
        """Keep a value, or not."""
        _attempt(lambda: super(LenientRedisClient, self).set(key, value, timeout), None)

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        """Keep a value where there is none; False when it was not kept."""
        return _attempt(lambda: super(LenientRedisClient, self).add(key, value, timeout), False)

    def delete(self, key: Any) -> bool:
        """Forget a value; False when there was none, or nobody knows."""
        return _attempt(lambda: super(LenientRedisClient, self).delete(key), False)


def _attempt(ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except RedisError as error:
        log.warning("cache.unavailable", error=str(error))
        return otherwise
