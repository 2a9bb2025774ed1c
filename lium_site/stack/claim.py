"""One market a checkout: who holds the state folder, and what it serves."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, TextIO

from lium_site.stack.console import StackError
from lium_site.stack.paths import State, write_private

LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Running:
    """What other commands may know of a market that runs."""

    pid: int
    url: str
    phase: str = "starting"
    addresses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """The right to run the market of a state folder."""

    file: Path
    running: Running

    def announce(self, phase: str, *, addresses: Mapping[str, str] | None = None) -> None:
        """Tell other commands how far this market is, and where its services are."""
        known = replace(self.running, phase=phase, addresses=dict(addresses or {}))
        write_private(self.file, json.dumps(asdict(known)))


@contextmanager
def claimed(state: State, *, url: str) -> Iterator[Claim]:
    """Hold the state folder for one market.

    :raises StackError: if another one does, with its pid and address.
    """
    with _lock_file(state).open("a") as lock:
        if not _locks(lock):
            raise StackError(_already(running_in(state)))
        claim = Claim(state.folder / "up.json", Running(pid=os.getppid(), url=url))
        claim.announce("starting")
        try:
            yield claim
        finally:
            claim.file.unlink(missing_ok=True)


def running_in(state: State) -> Running | None:
    """Return what runs in a state folder, or None."""
    if not is_claimed(state):
        return None
    try:
        return Running(**json.loads((state.folder / "up.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_claimed(state: State) -> bool:
    """Say whether a market runs in the state folder, starting and stopping included."""
    with _lock_file(state).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def wait_until_free(state: State, *, within_seconds: float) -> bool:
    """Wait for the market to end; say whether it did."""
    deadline = time.monotonic() + within_seconds
    while is_claimed(state):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _locks(lock: TextIO) -> bool:
    """Take the lock for good; who only looks whether it is held has it for a moment, and is waited for."""
    deadline = time.monotonic() + LOOK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _lock_file(state: State) -> Path:
    return state.folder / "lock"


def _already(running: Running | None) -> str:
    if running is None:
        return "another market command is starting or stopping in this checkout. Try again in a moment."
    what = "is stopping" if running.phase == "stopping" else f"serves {running.url}"
    return (
        f"this checkout's market already runs: pid {running.pid} {what}. Stop it with ./market down, or set "
        "MARKET_STATE and --port for a second one."
    )
