"""Followed container logs for API clients: one line of JSON a log line, as the client reads them.

Served past Django's handler, because an answer that lasts for hours must not hold a thread of the bridge. It holds no
connection to the database either: who may read is asked beforehand and again twice a minute, in threads of their own.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

import structlog
from pydantic import ValidationError

from accounts.auth import KEY_HEADER, WORKSPACE_HEADER, workspace_named
from accounts.models import Scope as KeyScope
from accounts.principal import Principal
from accounts.services import credentials
from core import clock
from core.errors import DomainError, Unauthenticated
from core.threads import in_thread
from marketplace.machine import Stream
from rentals import limits
from rentals.access import pod_for
from rentals.api.schemas.pods import LogQuery
from rentals.models import Pod
from rentals.services import logs
from rentals.services.logs import Source

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEARTBEAT: Final = b"data: {}\n"
HEARTBEAT_SECONDS: Final = 15.0
# With a heartbeat between, a key that was revoked reads on for less than a minute.
RECHECK_SECONDS: Final = 30.0
# A client that takes nothing for so long is gone, whatever its socket says.
STALLED_SECONDS: Final = 60.0
QUEUED_CHUNKS: Final = 64
# A container that never ends its line must not fill our memory.
LONGEST_LINE: Final = 1 << 16
HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

_threads = ThreadPoolExecutor(limits.followed_logs.total, thread_name_prefix="logs")


def lines_to_follow(query_string: bytes) -> int | None:
    """Give how many past lines a stream begins with; None for what is no stream, or no valid query."""
    sent = {name: values[-1] for name, values in parse_qs(query_string.decode("latin-1")).items()}
    try:
        query = LogQuery.model_validate(sent)
    except ValidationError:
        # The route that answers without following says what is wrong.
        return None
    return query.tail if query.follow else None


async def follow_logs(
    scope: Scope, receive: Receive, send: Send, *, pod_id: UUID, lines: int
) -> None:
    """Stream the log of a pod until it ends, the client goes or its access ends.

    :raises DomainError: before anything was sent; the caller answers with the refusal.
    """
    allowed = partial(_authorized, scope, pod_id)
    pod, source = await in_thread(partial(_admitted, allowed))
    with limits.followed_logs.one_for(pod.workspace), suppress(TimeoutError):
        await _Following(source, lines, allowed).serve(receive, send)


class _Following:
    """One client and one stream: a thread reads, the loop writes, whoever ends first ends the other."""

    def __init__(self, source: Source, lines: int, allowed: Callable[[], Pod]) -> None:
        self.source, self.lines, self.allowed = source, lines, allowed
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_CHUNKS)
        self.opened = asyncio.Event()
        self.checked_at = time.monotonic()
        self.stream: Stream | None = None
        self.gone = False

    async def serve(self, receive: Receive, send: Send) -> None:
        """Send what is printed until one side ends.

        :raises DomainError: the log could not be opened; nothing was sent.
        """
        leaving = asyncio.create_task(_client_left(receive))
        reading = self.loop.run_in_executor(_threads, self._read)
        try:
            await self._open(reading, leaving)
            if not leaving.done():
                await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                await self._write(send, leaving)
        finally:
            leaving.cancel()
            self._stop()
            with suppress(DomainError):
                await reading

    async def _open(self, reading: "asyncio.Future[None]", leaving: "asyncio.Task[None]") -> None:
        opening = asyncio.create_task(self.opened.wait())
        ends: set[asyncio.Future[Any]] = {opening, reading, leaving}
        try:
            await asyncio.wait(ends, return_when="FIRST_COMPLETED")
        finally:
            opening.cancel()
        if reading.done() and not self.opened.is_set():
            reading.result()

    async def _write(self, send: Send, leaving: "asyncio.Task[None]") -> None:
        while not leaving.done():
            body = await self._next(leaving)
            if not await self._still_allowed():
                body = None
            message = {"type": "http.response.body", "body": body or b"", "more_body": bool(body)}
            async with asyncio.timeout(STALLED_SECONDS):
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

    async def _still_allowed(self) -> bool:
        if time.monotonic() - self.checked_at < RECHECK_SECONDS:
            return True
        self.checked_at = time.monotonic()
        try:
            await in_thread(self.allowed)
        except DomainError as refusal:
            log.info("logs.access_ended", pod=str(self.source.pod_id), why=refusal.code)
            return False
        except Exception as error:
            # The database is away: nobody can take access away now either.
            log.warning("logs.access_unknown", pod=str(self.source.pod_id), error=repr(error))
        return True

    def _read(self) -> None:
        try:
            with logs.following(source=self.source, lines=self.lines) as stream:
                # First the stream, then the look: `_stop` does it the other way round, so one sees the other.
                self.stream = stream
                if not self.gone:
                    self.loop.call_soon_threadsafe(self.opened.set)
                    self._pass_on(stream)
        finally:
            self._put(None)

    def _pass_on(self, stream: Stream) -> None:
        rest = b""
        for chunk in stream:
            if self.gone:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                whole, rest = [*whole, rest], b""
            self._put(b"".join(map(_data, whole)))
        self._put(_data(rest) if rest else b"")

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


def _admitted(allowed: Callable[[], Pod]) -> tuple[Pod, Source]:
    pod = allowed()
    limits.logs(pod.workspace)
    return pod, logs.source_of(pod)


def _authorized(scope: Scope, pod_id: UUID) -> Pod:
    principal = _principal(dict(scope["headers"]))
    principal.require(KeyScope.READ)
    return pod_for(principal, pod_id)


def _principal(headers: dict[bytes, bytes]) -> Principal:
    def sent(name: str) -> str:
        return headers.get(name.lower().encode(), b"").decode("latin-1")

    now = clock.now()
    if key := sent(KEY_HEADER):
        return credentials.principal_of_key(key, now=now)
    kind, _, token = sent("Authorization").partition(" ")
    if kind.lower() == "bearer" and token:
        workspace_id = workspace_named(sent(WORKSPACE_HEADER))
        return credentials.principal_of_session(token, workspace_id=workspace_id, now=now)
    raise Unauthenticated("No valid API key or session was sent.", hint="Send X-API-KEY.")


def _data(line: bytes) -> bytes:
    text = line.decode("utf-8", "replace").rstrip("\r")
    return b"data: " + json.dumps({"log": text}).encode() + b"\n"
