"""Live pages: one Redis subscription a process, then a plain loop over the local sockets (ADR 0002).

A group layer of its own queue per socket collapses at a few thousand messages a second; this does not.
"""

import asyncio
from collections import defaultdict
from typing import Final

import redis
import redis.asyncio
import structlog
from django.conf import settings

from core.live import Listener

log = structlog.get_logger(__name__)

CHANNEL: Final = "market:live"


class Hub:
    """The sockets of this process by topic, and the one subscription that feeds them."""

    def __init__(self) -> None:
        self.listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self.reader: asyncio.Task[None] | None = None
        self.writer = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, health_check_interval=30
        )

    def send(self, topic: str, message: str) -> None:
        """Tell every process; Redis being away costs a page some seconds of freshness, no more."""
        try:
            self.writer.publish(CHANNEL, f"{topic}\n{message}")
        except redis.RedisError as error:
            log.warning("live.lost", topic=topic, error=str(error))

    def subscribe(self, topic: str, listener: Listener) -> None:
        """Call ``listener`` for each message of ``topic`` until `unsubscribe`."""
        self.listeners[topic].add(listener)
        if self.reader is None or self.reader.done():
            self.reader = asyncio.create_task(self._read())

    def unsubscribe(self, topic: str, listener: Listener) -> None:
        """Stop; harmless when it was not subscribed."""
        self.listeners[topic].discard(listener)
        if not self.listeners[topic]:
            self.listeners.pop(topic)

    async def _read(self) -> None:
        while self.listeners:
            try:
                await self._follow()
            except (redis.RedisError, OSError) as error:
                log.warning("live.reconnecting", error=str(error))
                await asyncio.sleep(1)

    async def _follow(self) -> None:
        # No read timeout: a quiet market is not a broken one.
        client = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=None, health_check_interval=15
        )
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            async for item in subscription.listen():
                if item["type"] == "message":
                    topic, _, message = item["data"].decode().partition("\n")
                    await self._deliver(topic, message)

    async def _deliver(self, topic: str, message: str) -> None:
        for listener in tuple(self.listeners.get(topic, ())):
            try:
                await listener(message)
            except Exception as error:  # one broken socket must not starve the others
                log.warning("live.listener_failed", topic=topic, error=repr(error))


hub = Hub()
