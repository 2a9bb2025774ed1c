"""HTTP from an ASGI server to Django's WSGI handler, with one hop into a thread (ADR 0001).

Django's own ASGI handler costs several times the CPU of the rest of a request; this bridge costs one hop.
The body is buffered within its limit. The answer is written down first and then sent piece by piece as its client takes
it, so that neither memory nor a thread with its cursor waits for one that is slow.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import unquote_to_bytes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# More of an answer lies in a file, until it is sent.
IN_MEMORY = 1 << 20
PIECE = 256 << 10
# Set in the environment of a request whose body was more than the limit, and not read to its end.
BODY_TOO_LARGE = "bridge.body_too_large"


class BodyTooLarge(Exception):
    """The client sent more than the limit."""


class ClientGone(Exception):
    """The client went away before its request was complete."""


@dataclass(slots=True)
class Answer:
    """What the WSGI application said."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def start(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
        """Take status and headers: WSGI's start_response."""
        self.status = int(status[:3])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]


class WsgiBridge:
    """Serve a WSGI application to an ASGI server, one thread a request."""

    def __init__(self, application: WsgiApp, *, threads: int, max_body: int) -> None:
        self.application = application
        self.max_body = max_body
        self.pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            request = environ(scope, await self._read(scope, receive))
        except BodyTooLarge:
            request = environ(scope, b"") | {BODY_TOO_LARGE: True}
        except ClientGone:
            return
        loop = asyncio.get_running_loop()
        with SpooledTemporaryFile(IN_MEMORY) as body:
            answer = await loop.run_in_executor(self.pool, self._answer, request, body)
            await _send(answer, body, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] in ("GET", "HEAD") and not _declares_body(scope):
            return b""
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.max_body:
                raise BodyTooLarge
            chunks.append(chunk)
            more = message.get("more_body", False)
        return b"".join(chunks)

    def _answer(self, request: dict[str, Any], body: IO[bytes]) -> Answer:
        answer = Answer()
        result = self.application(request, answer.start)
        try:
            for chunk in result:
                body.write(chunk)
        finally:
            if close := getattr(result, "close", None):
                close()
        body.seek(0)
        return answer


async def _send(answer: Answer, body: IO[bytes], send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    piece = body.read(PIECE)
    while following := body.read(PIECE):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        # A client that takes all at once is not the only one.
        await asyncio.sleep(0)
        piece = following
    await send({"type": "http.response.body", "body": piece})


def environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """Write an ASGI scope as a WSGI environment (PEP 3333)."""
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    made: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope.get("raw_path") or scope["path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        _add_header(made, name, value.decode("latin-1"))
    made["CONTENT_LENGTH"] = str(len(body))
    return made


def _add_header(made: dict[str, Any], name: bytes, value: str) -> None:
    # A name with an underscore could pose as another header once dashes are folded.
    if b"_" in name:
        return
    key = name.decode("latin-1").upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    separator = "; " if key == "HTTP_COOKIE" else ","
    made[key] = f"{made[key]}{separator}{value}" if key in made else value


def _declares_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
