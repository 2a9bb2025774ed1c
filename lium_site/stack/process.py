"""One child process: its own session and log, bound to our life, stopped with all that it started."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lium_site.stack.console import StackError, say
from lium_site.stack.fork import Fork, Script
from lium_site.stack.kernel import descendants, die_with_parent, end

LEFTOVER_GRACE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Program:
    """Describe what to run and how it likes to be stopped."""

    name: str
    command: Sequence[str | Path]
    folder: Path
    environment: Mapping[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 15.0
    user_id: int | None = None
    # What the program reads from its standard input: less than a pipe holds (64 KiB).
    input: bytes = b""
    # The command is a console script, and we have loaded what it needs.
    forked: bool = False


class Child:
    """A running program whose output goes to a log file of its own."""

    def __init__(self, program: Program, *, log_folder: Path) -> None:
        self.program = program
        self._asked = False
        self.process: Fork | subprocess.Popen[bytes]
        self.log = log_folder / f"{program.name}.log"
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log, _pipe_holding(program.input) as standard_input:
            start = _forked if program.forked else _executed
            self.process = start(program, standard_input, log)

    @property
    def name(self) -> str:
        """Return the name that messages and the log file bear."""
        return self.program.name

    def is_running(self) -> bool:
        """Say whether the program has not ended yet."""
        return self.process.poll() is None

    def ensure_running(self) -> None:
        """Raise with the reason from its log if the program has ended.

        :raises StackError: with the last lines of the log.
        """
        if not self.is_running():
            raise StackError(self.obituary())

    def obituary(self) -> str:
        """Tell how the program ended, with the last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        reason = f"{self.name} ended with status {self.process.returncode}"
        if any("No space left on device" in line for line in lines):
            reason = f"{self.name} ended because the disk is full: free some space and start again"
        return "\n".join([f"{reason}. The end of {self.log}:", *(f"    {line}" for line in lines)])

    def ask_to_stop(self) -> None:
        """Send the signal by which the program ends in its own way, once: some take a second one as haste."""
        if self.is_running() and not self._asked:
            self._asked = True
            self.process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Stop the program and everything below it; kill what does not stop in its grace."""
        below = descendants(self.process.pid)
        self.ask_to_stop()
        if self.is_running():
            try:
                self.process.wait(self.program.grace_seconds)
            except subprocess.TimeoutExpired:
                say(
                    f"{self.name} did not stop within {self.program.grace_seconds:.0f} s; killing it"
                )
                self.process.kill()
                self.process.wait()
        end(below, grace_seconds=LEFTOVER_GRACE_SECONDS)


def _forked(program: Program, standard_input: int, log: IO[bytes]) -> Fork:
    return Fork(
        Script(
            title=f"market-{program.name}",
            command=[str(part) for part in program.command],
            folder=program.folder,
            environment=program.environment,
            stdin=standard_input,
            output=log,
            stop_signal=program.stop_signal,
        )
    )


def _executed(program: Program, standard_input: int, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    parent = os.getpid()

    def bind_to_parent() -> None:
        die_with_parent(program.stop_signal)
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(
        [str(part) for part in program.command],
        cwd=program.folder,
        env=dict(program.environment),
        stdin=standard_input,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=program.user_id,
        group=program.user_id,
        extra_groups=None if program.user_id is None else [],
        # The supervisor has no threads, so code between fork and exec is safe here.
        preexec_fn=bind_to_parent,
    )


def run_to_end(program: Program, *, log_folder: Path) -> None:
    """Run a program that does one thing, and wait for it.

    :raises StackError: with the end of its log if it fails.
    """
    child = Child(program, log_folder=log_folder)
    try:
        failed = child.process.wait() != 0
    finally:
        child.stop()
    if failed:
        raise StackError(child.obituary())


def wait_until_ready(child: Child, *, probe: Sequence[str | Path], within_seconds: float) -> None:
    """Repeat a command until it succeeds.

    :raises StackError: if the program ends, or the time is over.
    """
    deadline = time.monotonic() + within_seconds
    while subprocess.run(probe, capture_output=True, cwd="/", check=False).returncode != 0:
        child.ensure_running()
        if time.monotonic() > deadline:
            raise StackError(
                f"{child.name} runs but did not answer within {within_seconds:.0f} s; see {child.log}"
            )
        time.sleep(0.03)


@contextmanager
def _pipe_holding(data: bytes) -> Iterator[int]:
    reading, writing = os.pipe()
    try:
        with open(writing, "wb") as stream:
            stream.write(data)
        yield reading
    finally:
        os.close(reading)
