"""One command on one SSH channel: a deadline, both streams drained, bounded output."""

import select
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import paramiko

CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandResult:
    """What came back; `exit_status` None means unknown (the link was lost), never failed."""

    exit_status: int | None
    stdout: bytes
    stderr: bytes
    truncated: bool

    @property
    def error_text(self) -> str:
        """Give the last kilobyte of standard error, for people."""
        return self.stderr[-1024:].decode("utf-8", "replace").strip()


class _Bounded:
    """Keeps the first `limit` bytes and counts the rest as lost."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.kept = bytearray()
        self.truncated = False

    def add(self, data: bytes) -> None:
        room = self.limit - len(self.kept)
        self.kept += data[:room]
        self.truncated = self.truncated or len(data) > room


def execute(
    channel: paramiko.Channel,
    command: str,
    *,
    deadline: float,
    stdin: bytes | BinaryIO | None,
    max_output: int,
) -> CommandResult:
    """Run `command` until it ends; `deadline` is on the monotonic clock.

    :raises TimeoutError: when it did not end in time.
    """
    begin(channel, command, deadline=deadline)
    _feed(channel, stdin, deadline)
    out, err = _Bounded(max_output), _Bounded(max_output)
    _drain(channel, out, err, deadline)
    return CommandResult(
        exit_status=_exit_status(channel, deadline),
        stdout=bytes(out.kept),
        stderr=bytes(err.kept),
        truncated=out.truncated or err.truncated,
    )


def begin(channel: paramiko.Channel, command: str, *, deadline: float) -> None:
    """Have a command started by the deadline: paramiko alone would wait for the server's word without end.

    :raises TimeoutError: the server did not say in time. :raises paramiko.SSHException: it refused.
    """
    alarm = threading.Timer(_left(deadline), _give_up, (channel,))
    alarm.daemon = True
    alarm.start()
    try:
        channel.exec_command(command)
    except paramiko.SSHException as error:
        if time.monotonic() < deadline:
            raise
        raise TimeoutError("the command was not started in time") from error
    finally:
        alarm.cancel()


def _give_up(channel: paramiko.Channel) -> None:
    # Who waited goes on as soon as the channel is called closed, and may end the connection before the server is told.
    with suppress(paramiko.SSHException, OSError, EOFError):
        channel.close()


def send(channel: paramiko.Channel, data: bytes, *, deadline: float) -> None:
    """Send all of it by the deadline, however little the other side takes at a time.

    :raises TimeoutError: it was not taken in time.
    """
    while data:
        channel.settimeout(_left(deadline))
        data = data[channel.send(data) :]


def _feed(channel: paramiko.Channel, stdin: bytes | BinaryIO | None, deadline: float) -> None:
    try:
        for chunk in _chunks(stdin):
            send(channel, chunk, deadline=deadline)
        channel.shutdown_write()
    except TimeoutError:
        raise
    except OSError:
        # The command stopped reading (a full disk, say): its exit status tells why.
        return


def _chunks(stdin: bytes | BinaryIO | None) -> Iterator[bytes]:
    if isinstance(stdin, bytes):
        for start in range(0, len(stdin), CHUNK):
            yield stdin[start : start + CHUNK]
    elif stdin is not None:
        while chunk := stdin.read(CHUNK):
            yield chunk


def _drain(channel: paramiko.Channel, out: _Bounded, err: _Bounded, deadline: float) -> None:
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)  # readable for either stream, and at close
    while True:
        left = _left(deadline)
        # Asked before what is there: nothing comes after the end.
        has_ended = channel.eof_received or channel.closed
        if channel.recv_ready():
            out.add(channel.recv(CHUNK))
        elif channel.recv_stderr_ready():
            err.add(channel.recv_stderr(CHUNK))
        elif has_ended:
            return
        elif not poll.poll(left * 1000):
            raise TimeoutError


def _exit_status(channel: paramiko.Channel, deadline: float) -> int | None:
    if not channel.status_event.wait(_left(deadline)):
        raise TimeoutError
    return channel.exit_status if channel.exit_status >= 0 else None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
