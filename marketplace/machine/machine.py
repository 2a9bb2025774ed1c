"""An open SSH connection to a machine: commands, streams and files."""

import copy
import math
import shlex
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import paramiko

from marketplace.machine.address import MachineAddress
from marketplace.machine.command import CommandResult, begin, execute
from marketplace.machine.conversation import Conversation
from marketplace.machine.errors import (
    CommandFailed,
    CommandTimeout,
    MachineUnreachable,
    OutcomeUnknown,
)
from marketplace.machine.stream import WATCHED, Stream
from marketplace.machine.transport import TRIES, open_transport

# sshd's MaxSessions is 10 a connection by default.
MAX_CHANNELS = 8
# Seconds: sshd counts a session that we have closed until its process is gone.
AFTER_REFUSALS = (0.05, 0.2, 0.5)
CHANNEL_OPEN_SECONDS = 10.0
COMMAND_SHOWN = 120

WRITE_FILE = """\
set -eu
part=$(mktemp "$1.XXXXXX")
trap 'rm -f "$part"' EXIT
cat >"$part"
[ "$(wc -c <"$part")" -eq "$2" ] || { echo "short write" >&2; exit 1; }
chmod "$3" "$part"
mv -f "$part" "$1"
trap - EXIT"""


class Machine:
    """Safe to use from several threads; at most eight commands run at once."""

    def __init__(self, address: MachineAddress, transport: paramiko.Transport) -> None:
        self.address = address
        self._transport = transport
        self._slots = threading.BoundedSemaphore(MAX_CHANNELS)
        self._ends = math.inf

    def until(self, ends: float) -> "Machine":
        """Give the same connection for work that is over at a moment of the monotonic clock, however many commands."""
        bounded = copy.copy(self)
        bounded._ends = min(ends, self._ends)
        return bounded

    @property
    def alive(self) -> bool:
        """Say whether the connection is still up, as far as this side knows."""
        return self._transport.is_active()

    def close(self) -> None:
        """End the connection; commands under way end with an unknown outcome."""
        self._transport.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: bytes | BinaryIO | None = None,
        max_output: int = 1 << 20,
    ) -> CommandResult:
        """Run one command to its end, within `timeout` seconds.

        :raises CommandTimeout: when it did not end in time; it may still run.
        :raises MachineUnreachable: when it could not be sent at all.
        """
        command = shlex.join(argv)
        deadline = min(time.monotonic() + timeout, self._ends)
        with self._channel(deadline=deadline) as channel:
            try:
                return execute(
                    channel, command, deadline=deadline, stdin=stdin, max_output=max_output
                )
            except TimeoutError as error:
                why = f"No result within {timeout:g} seconds"
                raise CommandTimeout(where=str(self), command=_shown(argv), why=why) from error
            except (paramiko.SSHException, OSError, EOFError) as error:
                why = "The connection was lost"
                raise OutcomeUnknown(where=str(self), command=_shown(argv), why=why) from error

    def check(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: bytes | BinaryIO | None = None,
        max_output: int = 1 << 20,
    ) -> bytes:
        """Run a command that must succeed and give its standard output.

        :raises CommandFailed: when it exits with anything but 0.
        :raises OutcomeUnknown: when its exit status never arrived.
        """
        result = self.run(argv, timeout=timeout, stdin=stdin, max_output=max_output)
        if result.exit_status is None:
            why = "The connection was lost"
            raise OutcomeUnknown(where=str(self), command=_shown(argv), why=why)
        if result.exit_status != 0:
            raise CommandFailed(
                where=str(self),
                command=_shown(argv),
                exit_status=result.exit_status,
                stderr=result.error_text,
            )
        return result.stdout

    @contextmanager
    def stream(self, argv: Sequence[str], *, idle_timeout: float | None) -> Iterator[Stream]:
        """Follow a command's output; leaving the block stops it on the machine too.

        :raises CommandTimeout: while iterating, after `idle_timeout` seconds of silence.
        """
        deadline = min(time.monotonic() + CHANNEL_OPEN_SECONDS, self._ends)
        with self._channel(deadline=deadline) as channel:
            channel.set_combine_stderr(True)
            channel.settimeout(idle_timeout)
            try:
                begin(channel, shlex.join(["sh", "-c", WATCHED, "sh", *argv]), deadline=deadline)
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise MachineUnreachable(where=str(self), why=str(error)) from error
            yield Stream(channel, where=str(self), command=_shown(argv))

    @contextmanager
    def converse(self, argv: Sequence[str]) -> Iterator[Conversation]:
        """Talk with a command line by line; it reads the end of its input when the block is left.

        :raises MachineUnreachable: when it could not be started.
        """
        deadline = min(time.monotonic() + CHANNEL_OPEN_SECONDS, self._ends)
        with self._channel(deadline=deadline) as channel:
            try:
                begin(channel, shlex.join(argv), deadline=deadline)
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise MachineUnreachable(where=str(self), why=str(error)) from error
            yield Conversation(channel, where=str(self), command=_shown(argv))

    def put(self, path: str, data: bytes, *, mode: int = 0o600, timeout: float = 60.0) -> None:
        """Write a whole file or leave the old one: readers never see half of it.

        :raises CommandFailed: when it could not be written, for want of space for example.
        """
        argv = ["sh", "-c", WRITE_FILE, "sh", _absolute(path), str(len(data)), f"{mode:o}"]
        self.check(argv, timeout=timeout, stdin=data)

    def get(self, path: str, *, max_bytes: int, timeout: float = 60.0) -> bytes:
        """Read a file of at most `max_bytes`.

        :raises CommandFailed: when it cannot be read.
        :raises ValueError: when it is larger.
        """
        argv = ["head", "-c", str(max_bytes + 1), _absolute(path)]
        data = self.check(argv, timeout=timeout, max_output=max_bytes + 1)
        if len(data) > max_bytes:
            raise ValueError(f"{path} on {self} is larger than {max_bytes} bytes.")
        return data

    def __str__(self) -> str:
        return str(self.address)

    @contextmanager
    def _channel(self, *, deadline: float) -> Iterator[paramiko.Channel]:
        if not self._slots.acquire(timeout=max(0.0, deadline - time.monotonic())):
            why = f"all {MAX_CHANNELS} channels of the connection are busy"
            raise MachineUnreachable(where=str(self), why=why)
        try:
            left = max(0.001, deadline - time.monotonic())
            channel = self._open_channel(min(left, CHANNEL_OPEN_SECONDS))
            try:
                yield channel
            finally:
                channel.close()
        finally:
            self._slots.release()

    def _open_channel(self, timeout: float) -> paramiko.Channel:
        pauses = iter(AFTER_REFUSALS)
        while True:
            try:
                return self._transport.open_session(timeout=timeout)
            except (paramiko.SSHException, OSError, EOFError) as error:
                pause = next(pauses, None) if self._was_refused(error) else None
                if pause is None:
                    raise MachineUnreachable(where=str(self), why=str(error).rstrip(".")) from error
                time.sleep(pause)

    def _was_refused(self, error: Exception) -> bool:
        # paramiko keeps one error a connection: of two threads that are refused at once, one hears only this much.
        refused = isinstance(error, paramiko.ChannelException) or "Unable to open" in str(error)
        return refused and self._transport.is_active()


@contextmanager
def connect(
    address: MachineAddress, *, timeout: float = 10.0, tries: int = TRIES
) -> Iterator[Machine]:
    """Open a connection of one's own; `sessions.session` shares one.

    :raises MachineUnreachable: nobody answered as an SSH server.
    :raises HostKeyChanged: somebody else did.
    :raises AccessDenied: our key was refused.
    """
    machine = Machine(address, open_transport(address, timeout=timeout, tries=tries))
    try:
        yield machine
    finally:
        machine.close()


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"Paths on a machine are absolute; this one is not: {path}")
    return path


def _shown(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return text if len(text) <= COMMAND_SHOWN else text[:COMMAND_SHOWN] + "…"
