"""A command that is talked with: a line goes in, a line comes out, each within a time and a size."""

import select
import time
from typing import Final

import paramiko

from marketplace.machine.command import send
from marketplace.machine.errors import CommandTimeout, NotUnderstood, OutcomeUnknown

CHUNK: Final = 1 << 16
ERRORS_KEPT: Final = 4096


class Conversation:
    """Lines to and from a running command; what it writes to standard error is drained, and its end kept."""

    def __init__(self, channel: paramiko.Channel, *, where: str, command: str) -> None:
        self._channel = channel
        self._where = where
        self._command = command
        self._received = bytearray()
        self._errors = b""
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)

    @property
    def error_text(self) -> str:
        """Give the end of what it wrote to standard error, for people."""
        return self._errors.decode("utf-8", "replace").strip()

    def send(self, line: bytes, *, seconds: float) -> None:
        """Send one line; the end of line is added.

        :raises CommandTimeout: it was not taken in time. :raises OutcomeUnknown: the command is gone.
        """
        try:
            send(self._channel, line + b"\n", deadline=time.monotonic() + seconds)
        except TimeoutError as error:
            raise self._late(seconds) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._gone() from error

    def receive(self, *, seconds: float, max_bytes: int) -> bytes:
        """Wait for one line and give it without its end.

        :raises CommandTimeout: none came in time. :raises NotUnderstood: it is longer than allowed.
        :raises OutcomeUnknown: the command ended without one.
        """
        deadline = time.monotonic() + seconds
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > max_bytes:
                raise NotUnderstood(where=self._where, what=f"a line of over {max_bytes} bytes")
            self._take(deadline, seconds)
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _take(self, deadline: float, seconds: float) -> None:
        left = deadline - time.monotonic()
        # Asked before what is there: nothing comes after the end.
        has_ended = self._channel.eof_received or self._channel.closed
        if self._channel.recv_ready():
            self._received += self._channel.recv(CHUNK)
        elif left <= 0:
            raise self._late(seconds)
        elif self._channel.recv_stderr_ready():
            self._errors = (self._errors + self._channel.recv_stderr(CHUNK))[-ERRORS_KEPT:]
        elif has_ended:
            raise self._gone()
        elif not self._poll.poll(left * 1000):
            raise self._late(seconds)

    def _late(self, seconds: float) -> CommandTimeout:
        why = f"No line within {seconds:g} seconds"
        return CommandTimeout(where=self._where, command=self._command, why=why)

    def _gone(self) -> OutcomeUnknown:
        said = f" ({self.error_text[-300:]})" if self._errors else ""
        return OutcomeUnknown(
            where=self._where, command=self._command, why=f"The command ended{said}"
        )
