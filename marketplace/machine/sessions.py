"""Connections kept open and shared within a process: one a machine and lane, closed when idle."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from marketplace.machine.address import MachineAddress
from marketplace.machine.errors import MachineUnreachable
from marketplace.machine.machine import Machine
from marketplace.machine.transport import TRIES, open_transport

IDLE_SECONDS = 60.0


@dataclass(eq=False)
class _Entry:
    connecting: threading.Lock = field(default_factory=threading.Lock)
    machine: Machine | None = None
    users: int = 0
    idle_since: float = 0.0


class Sessions:
    """A pool of connections, safe to use from several threads."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self.forget()

    def forget(self) -> None:
        """Drop every connection without closing it: after a fork they are the parent's."""
        self._lock = threading.Lock()
        self._entries: dict[tuple[MachineAddress, str], _Entry] = {}
        self._sweeper: threading.Timer | None = None

    @contextmanager
    def session(
        self,
        address: MachineAddress,
        *,
        timeout: float = 10.0,
        tries: int = TRIES,
        lane: str = "commands",
    ) -> Iterator[Machine]:
        """Borrow the shared connection to a machine, opening it if there is none.

        Followed output belongs on a lane of its own ("streams"), or it holds the channels that
        short commands need.

        :raises MachineUnreachable, HostKeyChanged, AccessDenied: as `connect` does.
        """
        entry = self._borrow((address, lane))
        try:
            with _turn(entry, address, timeout):
                machine = entry.machine
                if machine is None or not machine.alive:
                    transport = open_transport(address, timeout=timeout, tries=tries)
                    machine = Machine(address, transport)
                    entry.machine = machine
            yield machine
        finally:
            self._give_back(entry)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            entries, self._entries = self._entries, {}
        for entry in entries.values():
            if entry.machine is not None:
                entry.machine.close()

    def _borrow(self, key: tuple[MachineAddress, str]) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            entry.users += 1
            return entry

    def _give_back(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            entry.idle_since = time.monotonic()
            self._plan_sweep()

    def _plan_sweep(self) -> None:
        if self._sweeper is None:
            self._sweeper = threading.Timer(self._idle_seconds, self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        oldest = time.monotonic() - self._idle_seconds
        with self._lock:
            self._sweeper = None
            idle = [k for k, e in self._entries.items() if not e.users and e.idle_since <= oldest]
            closing = [self._entries.pop(key).machine for key in idle]
            if self._entries:
                self._plan_sweep()
        for machine in closing:
            if machine is not None:
                machine.close()


@contextmanager
def _turn(entry: _Entry, address: MachineAddress, timeout: float) -> Iterator[None]:
    """Wait for whoever connects already, but not for as long as they may try."""
    if not entry.connecting.acquire(timeout=timeout):
        why = f"another connection to it was not made within {timeout:g} seconds"
        raise MachineUnreachable(where=str(address), why=why)
    try:
        yield
    finally:
        entry.connecting.release()


_shared = Sessions()
session = _shared.session
close = _shared.close

os.register_at_fork(after_in_child=_shared.forget)
