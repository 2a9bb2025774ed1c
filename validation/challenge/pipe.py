"""A prover behind a command of this computer, such as ssh: lines over its standard input and output."""

import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from validation.challenge.dialogue import ProverFault

CHUNK: Final = 1 << 16
END_SECONDS: Final = 5.0


class Pipe:
    """Lines to and from a process; what it writes to standard error goes to ours."""

    def __init__(self, *, into: int, out_of: int) -> None:
        """Take the descriptors of its input and of its output."""
        self._in, self._out = into, out_of
        self._received = bytearray()

    def send(self, line: bytes, *, seconds: float) -> None:
        """Send one line.

        :raises ProverFault: it is not taken in time, or nobody is there.
        """
        deadline, left = time.monotonic() + seconds, memoryview(line + b"\n")
        while left:
            _, ready, _ = select.select([], [self._in], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise ProverFault("It does not read what it is sent.")
            try:
                # A pipe takes so much at once without waiting.
                left = left[os.write(self._in, left[: select.PIPE_BUF]) :]
            except OSError as error:
                raise ProverFault("It ended.") from error

    def receive(self, *, seconds: float, max_bytes: int) -> bytes:
        """Wait for one line.

        :raises ProverFault: none came in time, it is too long, or nobody is there.
        """
        deadline = time.monotonic() + seconds
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > max_bytes:
                raise ProverFault("Its answer is longer than any answer can be.")
            self._take(deadline)
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _take(self, deadline: float) -> None:
        ready, _, _ = select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise ProverFault("It gave no answer in time.")
        chunk = os.read(self._out, CHUNK)
        if not chunk:
            raise ProverFault("It ended without an answer.")
        self._received += chunk


@contextmanager
def started(command: Sequence[str]) -> Iterator[Pipe]:
    """Run a command for the block, and end it with the block.

    :raises OSError: there is no such command.
    """
    process = subprocess.Popen(  # noqa: S603  # the caller's own command
        list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    into, out_of = process.stdin, process.stdout
    if into is None or out_of is None:
        raise AssertionError("unreachable")
    try:
        yield Pipe(into=into.fileno(), out_of=out_of.fileno())
    finally:
        into.close()
        _end(process)
        out_of.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
