"""JSON-RPC over one websocket: pipelined, paced and timed; what is no answer ends the connection.

Safe to share between threads. It opens at the first question and again after a failure.
"""

import json
import time
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from billing.chain.subtensor.errors import EndpointFailed, RpcRefused

Call: TypeAlias = tuple[str, Sequence[Any]]
PIPELINE: Final = 32
# The metadata of a runtime is the largest answer that is asked for: about a megabyte as hexadecimal digits.
LARGEST_ANSWER: Final = 32 * 2**20


class Connection:
    """Questions to one endpoint; ``timeout`` in seconds is for each pipeline, ``rate`` is questions a second."""

    def __init__(self, url: str, *, timeout: float, rate: float) -> None:
        self._url, self._timeout, self._rate = url, timeout, rate
        self._socket: ClientConnection | None = None
        self._lock = Lock()
        self._free_at = 0.0
        parts = urlsplit(url)
        # The path and the user's part of a provider's address may be a key: neither is ever shown.
        self.name = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def ask(self, method: str, *params: Any) -> Any:
        """Ask one question.

        :raises EndpointFailed: there was no answer. :raises RpcRefused: the answer is an error.
        """
        return self.ask_all([(method, params)])[0]

    def ask_all(self, calls: Sequence[Call]) -> list[Any]:
        """Ask several questions at once; the answers come in their order.

        :raises EndpointFailed: one had no answer. :raises RpcRefused: one answer is an error.
        """
        answers: list[Any] = []
        with self._lock:
            for start in range(0, len(calls), PIPELINE):
                answers += self._exchange(calls[start : start + PIPELINE])
        for answer in answers:
            if isinstance(answer, RpcRefused):
                raise answer
        return answers

    def close(self) -> None:
        """Close; the next question opens again."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()

    def _exchange(self, calls: Sequence[Call]) -> list[Any]:
        try:
            self._wait_for_turn(len(calls))
            socket = self._opened()
            for number, (method, params) in enumerate(calls):
                socket.send(
                    json.dumps(
                        {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
                    )
                )
            return self._received(socket, len(calls))
        except (OSError, WebSocketException, ValueError, KeyError, TypeError) as error:
            self.close()
            raise EndpointFailed(f"{type(error).__name__}: {error}"[:300]) from error
        except BaseException:
            # Stopped in between: the answers on their way would be taken for those of the next questions.
            self.close()
            raise

    def _received(self, socket: ClientConnection, count: int) -> list[Any]:
        answers: dict[int, Any] = {}
        deadline = time.monotonic() + self._timeout
        while len(answers) < count:
            message = json.loads(socket.recv(timeout=max(0.0, deadline - time.monotonic())))
            if not isinstance(message, dict):
                raise TypeError("An answer is no object.")
            answers[message["id"]] = _result(message)
        return [answers[number] for number in range(count)]

    def _opened(self) -> ClientConnection:
        if self._socket is None:
            self._socket = connect(
                self._url,
                open_timeout=self._timeout,
                close_timeout=1,
                # Each question has its time limit; pings between them would take a thread a connection.
                ping_interval=None,
                max_size=LARGEST_ANSWER,
                user_agent_header=None,
            )
        return self._socket

    def _wait_for_turn(self, count: int) -> None:
        now = time.monotonic()
        if self._free_at > now:
            time.sleep(self._free_at - now)
        self._free_at = max(self._free_at, now) + count / self._rate


def _result(message: dict[str, Any]) -> Any:
    if error := message.get("error"):
        return RpcRefused(int(error["code"]), str(error["message"]), error.get("data"))
    return message["result"]
