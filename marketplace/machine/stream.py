"""The output of a command that goes on until someone stops it."""

from collections.abc import Iterator

import paramiko

from marketplace.machine.errors import CommandTimeout

CHUNK = 1 << 16

# The output ends when the command closes it; the word of how it ended comes in a packet of its own.
EXIT_STATUS_SECONDS = 5.0

# Closing a channel without a terminal does not stop the remote command. A reader of stdin does:
# it sees end of file when the channel closes, and ends the command.
WATCHED = """\
exec 3<&0
"$@" </dev/null & command=$!
{ cat <&3; kill $command; } >/dev/null 2>&1 & watchdog=$!
exec 3<&-
wait $command; status=$?
kill $watchdog 2>/dev/null
exit $status"""


class Stream:
    """Chunks of a running command's output, standard error mixed in; `close` stops it."""

    def __init__(self, channel: paramiko.Channel, *, where: str, command: str) -> None:
        self._channel = channel
        self._where = where
        self._command = command

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._receive():
            yield chunk

    @property
    def exit_status(self) -> int | None:
        """Give how the command ended; None where it was stopped, or nobody told within five seconds."""
        self._channel.status_event.wait(EXIT_STATUS_SECONDS)
        status = self._channel.exit_status
        return status if status >= 0 else None

    def close(self) -> None:
        """Stop the command and end the iteration, from any thread."""
        self._channel.close()

    def _receive(self) -> bytes:
        try:
            return self._channel.recv(CHUNK)
        except TimeoutError as error:
            raise CommandTimeout(
                where=self._where, command=self._command, why="Silence for too long"
            ) from error
