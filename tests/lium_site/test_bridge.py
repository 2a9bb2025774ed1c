"""The bridge speaks PEP 3333 to Django and ASGI to the server."""

import asyncio
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from lium_site.bridge import BODY_TOO_LARGE, WsgiBridge
from tests.threads import apart

LIMIT = 1000
LINE, LINES = b"0" * 99 + b"\n", 100_000


def scope(**changes: Any) -> dict[str, Any]:
    made = {
        "type": "http",
        "method": "GET",
        "path": "/é x",
        "raw_path": b"/%C3%A9%20x",
        "query_string": b"a=1&b=%20",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.9", 5),
        "headers": [(b"host", b"market")],
    }
    return made | changes


def serve(
    application: Callable[..., Iterable[bytes]], request: dict[str, Any], *parts: bytes
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    bridge = WsgiBridge(application, threads=1, max_body=LIMIT)
    apart(lambda: asyncio.run(bridge(request, receive, send)))
    return sent


class Echo:
    """A WSGI application that keeps what it was asked."""

    def __init__(self) -> None:
        self.environ: dict[str, Any] = {}
        self.closed = False

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> "Echo":
        self.environ = environ
        start(
            "201 Created",
            [("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("Set-Cookie", "b")],
        )
        return self

    def __iter__(self) -> Any:
        yield b"read "
        yield self.environ["wsgi.input"].read()

    def close(self) -> None:
        self.closed = True


def test_request_reaches_the_application_whole() -> None:
    echo = Echo()

    sent = serve(echo, scope(method="POST", headers=[(b"content-length", b"6")]), b"abc", b"def")

    assert sent[0]["status"] == 201
    assert sent[1]["body"] == b"read abcdef"
    assert echo.environ["PATH_INFO"] == "/é x".encode().decode("latin-1")
    assert echo.environ["QUERY_STRING"] == "a=1&b=%20"
    assert echo.environ["REMOTE_ADDR"] == "127.0.0.9"
    assert echo.closed


def test_repeated_headers_survive_both_ways() -> None:
    echo = Echo()
    headers = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-api-key", b"k")]

    sent = serve(echo, scope(headers=headers))

    assert echo.environ["HTTP_COOKIE"] == "a=1; b=2"
    assert echo.environ["HTTP_X_API_KEY"] == "k"
    assert [value for name, value in sent[0]["headers"] if name == b"set-cookie"] == [b"a", b"b"]


def test_a_header_with_an_underscore_cannot_pose_as_another() -> None:
    echo = Echo()

    serve(echo, scope(headers=[(b"x_api_key", b"forged")]))

    assert "HTTP_X_API_KEY" not in echo.environ


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_a_body_beyond_the_limit_is_left_out_and_named(size: int) -> None:
    echo = Echo()
    sent = serve(echo, scope(method="POST", headers=[(b"content-length", b"1")]), b"x" * size)

    assert echo.environ.get(BODY_TOO_LARGE, False) is (size > LIMIT)
    assert len(sent[1]["body"]) == len(b"read ") + (size if size <= LIMIT else 0)


def lines(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
    start("200 OK", [])
    yield from (LINE for _ in range(LINES))


def test_a_long_answer_goes_out_in_pieces_and_is_never_whole_in_memory() -> None:
    sizes, more = list[int](), list[bool]()

    async def send(message: dict[str, Any]) -> None:
        sizes.append(len(message.get("body", b"")))
        more.append(message.get("more_body", False))

    bridge = WsgiBridge(lines, threads=1, max_body=LIMIT)
    tracemalloc.start()
    try:
        apart(lambda: asyncio.run(bridge(scope(), never, send)))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert sum(sizes) == len(LINE) * LINES > 2 * most
    assert more == [False, *([True] * (len(more) - 2)), False]


async def never() -> dict[str, Any]:
    raise AssertionError("A request without a body was read.")


def test_a_client_that_goes_away_gets_no_answer() -> None:
    sent = serve(Echo(), scope(method="POST", headers=[(b"transfer-encoding", b"chunked")]))

    assert sent == []
