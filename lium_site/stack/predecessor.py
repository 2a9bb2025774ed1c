"""Lock files of a server that a killed market left behind: wait for the living, clear away the dead."""

import time
from collections.abc import Iterable
from pathlib import Path

from lium_site.stack.console import StackError
from lium_site.stack.kernel import command_line

PATIENCE_SECONDS = 20.0


def await_end(pid_file: Path, *, mark: str, companions: Iterable[Path] = ()) -> None:
    """Return when the server that wrote the file is gone, with the file and its companions removed.

    The mark is a text of the server's command line: a number alone may belong to another program by now, which the
    next server would take for its predecessor.

    :raises StackError: if it still runs after a while.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (pid := _pid_in(pid_file)) is not None and mark in command_line(pid):
        if time.monotonic() > deadline:
            raise StackError(
                f"a server of an earlier run (pid {pid}) does not end; {pid_file} is its. Stop it: kill {pid}"
            )
        time.sleep(0.05)
    for file in (pid_file, *companions):
        file.unlink(missing_ok=True)


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return None
