"""A small load generator: keep-alive connections that ask again as soon as they are answered.

``python -m lium_site.stack.catalogue_bench.load PORT PATH SECONDS CONNECTIONS`` prints one JSON object.
"""

import asyncio
import json
import sys
import time
from itertools import count

from lium_site.stack.catalogue_bench.rows import KEYS, key

HEAD = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-KEY: {key}\r\n\r\n"
END_OF_HEAD = b"\r\n\r\n"


class Run:
    """One measurement: the requests to send, and what came back."""

    def __init__(self, port: int, path: str, seconds: float) -> None:
        self.requests = [
            HEAD.format(path=path, port=port, key=key(number)).encode() for number in range(KEYS)
        ]
        self.numbers = count()
        self.until = time.perf_counter() + seconds
        self.delays: list[float] = []
        self.bytes_per_reply = 0
        self.failures = 0

    def next_request(self) -> bytes:
        """Give the next request, each with another key."""
        return self.requests[next(self.numbers) % KEYS]


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: Run, done: "asyncio.Future[None]") -> None:
        self.run, self.done = run, done
        self.left, self.size = -1, 0
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Count what arrives; a whole reply is timed, and the next request goes out."""
        self.size += len(data)
        if self.left < 0:
            self.head += data
            end = self.head.find(END_OF_HEAD)
            if end < 0:
                return
            self.left = _content_length(self.head[:end]) - (len(self.head) - end - 4)
            if not self.head.startswith(b"HTTP/1.1 200"):
                self.run.failures += 1
        else:
            self.left -= len(data)
        if self.left == 0:
            self._answered()

    def connection_lost(self, error: Exception | None) -> None:
        """End this connection's part of the run."""
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        self.left, self.size, self.head = -1, 0, b""
        self.asked_at = time.perf_counter()
        self.transport.write(self.run.next_request())  # type: ignore[attr-defined]

    def _answered(self) -> None:
        now = time.perf_counter()
        self.run.delays.append(now - self.asked_at)
        self.run.bytes_per_reply = self.size
        if now < self.run.until:
            self._ask()
        else:
            self.transport.close()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise ValueError("The reply has no Content-Length.")


async def _measure(run: Run, port: int, connections: int) -> None:
    loop = asyncio.get_running_loop()
    ends = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: Caller(run, done), "127.0.0.1", port)  # type: ignore[misc]
        ends.append(done)
    await asyncio.gather(*ends)


def main() -> None:
    """Run, and print requests a second, the delays and the size of a reply."""
    port, path, seconds, connections = sys.argv[1:5]
    run = Run(int(port), path, float(seconds))
    started = time.perf_counter()
    try:
        import uvloop
    except ImportError:
        asyncio.run(_measure(run, int(port), int(connections)))
    else:
        uvloop.run(_measure(run, int(port), int(connections)))
    taken = time.perf_counter() - started
    delays = sorted(run.delays)
    print(
        json.dumps(
            {
                "requests": len(delays),
                "per_second": len(delays) / taken,
                "p50_ms": delays[len(delays) // 2] * 1000,
                "p99_ms": delays[len(delays) * 99 // 100] * 1000,
                "bytes": run.bytes_per_reply,
                "failures": run.failures,
            }
        )
    )


if __name__ == "__main__":
    main()
