"""A peer over a websocket that answers as it is told: as a node of a small chain does, or otherwise."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from threading import Event, Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from billing.chain.subtensor import headers
from billing.chain.subtensor.blocks import EVENTS_KEY, TIME_KEY

GENESIS = "0x" + "11" * 32
ROOT = "0x" + "22" * 32
START = datetime(2026, 1, 1, tzinfo=UTC)
Answer = Callable[[str, list[Any]], Any]


@dataclass
class Chain:
    """Empty blocks that follow each other; ``forked_from`` is the first that differs from another chain's."""

    length: int = 20
    final: int = 17
    fork: str = "00"
    forked_from: int = 0
    genesis: str = GENESIS
    start: datetime = START
    events: str = "0x00"
    headers: list[dict[str, Any]] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hashes.append(self.genesis)
        self.headers.append(self.header(0, "0x" + "00" * 32))
        for number in range(1, self.length + 1):
            self.headers.append(self.header(number, self.hashes[-1]))
            self.hashes.append(headers.header(self.headers[-1]).hash)

    def header(self, number: int, parent: str) -> dict[str, Any]:
        """Make a header; a fork's own log tells it from others."""
        log = self.fork if number >= self.forked_from else "00"
        return {
            "number": hex(number),
            "parentHash": parent,
            "stateRoot": ROOT,
            "extrinsicsRoot": ROOT,
            "digest": {"logs": [f"0x06{log}"]},
        }

    def __call__(self, method: str, params: list[Any]) -> Any:
        """Answer as a node does."""
        if method == "chain_getBlockHash":
            return self.hashes[params[0]] if params[0] <= self.length else None
        if method == "chain_getFinalizedHead":
            return self.hashes[self.final]
        number = self.hashes.index(params[-1]) if params else self.length
        if method == "chain_getHeader":
            return self.headers[number]
        if method == "chain_getBlock":
            return {"block": {"header": self.headers[number], "extrinsics": []}}
        if method == "state_getStorage":
            return {EVENTS_KEY: self.events, TIME_KEY: self.time(number)}[params[0]]
        raise LookupError(method)

    def time(self, number: int) -> str:
        """Give the time of a block as it is stored."""
        moment = self.start + timedelta(seconds=12 * number)
        return "0x" + int(moment.timestamp() * 1000).to_bytes(8, "little").hex()


class Peer:
    """One endpoint; ``answer`` may be exchanged at any time."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked = 0
        self.status = HTTPStatus.OK
        self.raw: str | None = None
        self.silent = Event()
        self._server = serve(self._talk, "127.0.0.1", 0, process_request=self._open)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Give where it listens."""
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()

    def _open(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.status == HTTPStatus.OK:
            return None
        return connection.respond(self.status, "no")

    def _talk(self, connection: ServerConnection) -> None:
        try:
            for message in connection:
                self.asked += 1
                if not self.silent.is_set():
                    connection.send(self._said(json.loads(message)))
        except ConnectionClosed:
            return

    def _said(self, question: dict[str, Any]) -> str:
        if self.raw is not None:
            return self.raw
        reply = {"jsonrpc": "2.0", "id": question["id"]}
        try:
            return json.dumps(
                reply | {"result": self.answer(question["method"], question["params"])}
            )
        except LookupError as error:
            return json.dumps(reply | {"error": {"code": -32601, "message": str(error)}})
