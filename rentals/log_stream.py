"""Followed container logs for API clients: one line of JSON a log line, as the client reads them.

Served past Django's handler, because an answer that lasts for hours must not hold a thread of the bridge.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

from django.db import close_old_connections

from accounts.models import Scope as KeyScope
from accounts.principal import Principal
from accounts.services import credentials
from core import clock
from core.errors import DomainError, NotFound, RateLimited, Unauthenticated
from marketplace.machine import Stream
from rentals.access import pod_for
from rentals.models import Pod
from rentals.services import logs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FOLLOWERS: Final = 64
HEARTBEAT: Final = b"data: {}\n"
HEARTBEAT_SECONDS: Final = 15.0
QUEUED_CHUNKS: Final = 64
DEFAULT_LINES: Final = 200
HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

_threads = ThreadPoolExecutor(FOLLOWERS, thread_name_prefix="logs")
_slots = asyncio.BoundedSemaphore(FOLLOWERS)


async def follow_logs(scope: Scope, receive: Receive, send: Send, *, pod_id: str) -> None:
    """Stream the log of a pod until it ends or the client goes.

    :raises DomainError: before anything was sent or received; the caller answers with the refusal.
    """
    loop = asyncio.get_running_loop()
    if _slots.locked():
        raise RateLimited("Too many logs are being followed.", retry_after=30)
    async with _slots:
        pod = await loop.run_in_executor(_threads, _authorized, scope, pod_id)
        await _Following(pod, _lines_wanted(scope)).serve(receive, send)


class _Following:
    """One client and one stream: a thread reads, the loop writes, whoever ends first ends the other."""

    def __init__(self, pod: Pod, lines: int) -> None:
        self.pod, self.lines = pod, lines
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_CHUNKS)
        self.stream: Stream | None = None
        self.gone = False

    async def serve(self, receive: Receive, send: Send) -> None:
        """Send what is printed until one side ends."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        reading = self.loop.run_in_executor(_threads, self._read)
        leaving = asyncio.create_task(_client_left(receive))
        try:
            await self._write(send, leaving)
        finally:
            leaving.cancel()
            self._stop()
            with suppress(DomainError):
                await reading

    async def _write(self, send: Send, leaving: "asyncio.Task[None]") -> None:
        while not leaving.done():
            body = await self._next(leaving)
            message = {"type": "http.response.body", "body": body or b"", "more_body": bool(body)}
            await send(message)
            if body is None:
                return

    async def _next(self, leaving: "asyncio.Task[None]") -> bytes | None:
        """Wait for the next lines, or give a heartbeat; None is the end."""
        getting = asyncio.create_task(self.queue.get())
        await asyncio.wait(
            {getting, leaving}, timeout=HEARTBEAT_SECONDS, return_when="FIRST_COMPLETED"
        )
        if getting.done():
            return getting.result()
        getting.cancel()
        return HEARTBEAT

    def _read(self) -> None:
        try:
            with logs.following(pod=self.pod, lines=self.lines) as stream:
                self.stream = stream
                rest = b""
                for chunk in stream:
                    *whole, rest = (rest + chunk).split(b"\n")
                    self._put(b"".join(map(_data, whole)))
                self._put(_data(rest) if rest else b"")
        finally:
            self._put(None)

    def _put(self, body: bytes | None) -> None:
        if body == b"" or self.gone:
            return
        # Waits while the client is slow, so that a chatty container cannot fill our memory.
        asyncio.run_coroutine_threadsafe(self.queue.put(body), self.loop).result()

    def _stop(self) -> None:
        self.gone = True
        while not self.queue.empty():
            self.queue.get_nowait()
        if self.stream is not None:
            self.stream.close()


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _authorized(scope: Scope, pod_id: str) -> Pod:
    close_old_connections()
    try:
        principal = _principal(dict(scope["headers"]))
        principal.require(KeyScope.READ)
        return pod_for(principal, _uuid(pod_id))
    finally:
        close_old_connections()


def _principal(headers: dict[bytes, bytes]) -> Principal:
    now = clock.now()
    if key := headers.get(b"x-api-key", b"").decode("latin-1"):
        return credentials.principal_of_key(key, now=now)
    kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() == "bearer" and token:
        return credentials.principal_of_session(token, workspace_id=None, now=now)
    raise Unauthenticated("No valid API key or session was sent.", hint="Send X-API-KEY.")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound("There is no such pod.") from error


def _lines_wanted(scope: Scope) -> int:
    wanted = parse_qs(scope["query_string"].decode("latin-1")).get("tail", [""])[0]
    return int(wanted) if wanted.isascii() and wanted.isdigit() else DEFAULT_LINES


def _data(line: bytes) -> bytes:
    text = line.decode("utf-8", "replace").rstrip("\r")
    return b"data: " + json.dumps({"log": text}).encode() + b"\n"
