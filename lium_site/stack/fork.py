"""Our own programs as forks of a process that has loaded them: a start takes a third of the time, and of the memory.

`load` imports what all of them need, once; each fork then runs a console script of this environment as if it had been
started by its name (docs/adr/0010).
"""

import atexit
import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from lium_site.stack.kernel import call_us, die_with_parent

# What the market's programs import before they do anything of their own.
SHARED: Final = ("uvicorn.main", "celery.bin.celery", "celery.apps.worker", "celery.apps.beat")
POLL_SECONDS: Final = 0.02
DEFAULTS: Final[dict[signal.Signals, Any]] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


@dataclass(frozen=True, kw_only=True)
class Script:
    """A console script with its arguments, and all that it finds around it."""

    title: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    stdin: int
    output: IO[bytes]
    stop_signal: signal.Signals


def load(environment: Mapping[str, str]) -> None:
    """Import what the market's programs share; the settings are read now, from this environment."""
    os.environ.update(environment)
    import_module("django").setup()
    import_module("lium_site.celery").app.loader.import_default_modules()
    # Celery's beat, the web server and every management command want the routes or the tasks.
    import_module("lium_site.urls")
    for module in SHARED:
        import_module(module)
    gc.collect()
    # What lives now lives for ever: a collection in a fork must not copy its pages.
    gc.freeze()


class Fork:
    """The part of `subprocess.Popen` that its keeper uses, for a fork of this process."""

    def __init__(self, script: Script) -> None:
        self.returncode: int | None = None
        parent = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        # Our own handlers must not run in the fork, not even once.
        signal.pthread_sigmask(signal.SIG_BLOCK, DEFAULTS)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _become(script, parent=parent)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, DEFAULTS)

    def poll(self) -> int | None:
        """Give the exit status, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        :raises subprocess.TimeoutExpired: it did not come in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(POLL_SECONDS)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _become(script: Script, *, parent: int) -> NoReturn:
    status = 1
    try:
        die_with_parent(script.stop_signal)
        for number, handler in DEFAULTS.items():
            signal.signal(number, handler)
        _take_place(script)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, DEFAULTS)
        if os.getppid() == parent:
            status = _run(script.command)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _take_place(script: Script) -> None:
    """Leave the keeper's session, files, environment and name behind."""
    os.setsid()
    os.dup2(script.stdin, 0)
    os.dup2(script.output.fileno(), 1)
    os.dup2(script.output.fileno(), 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(script.folder)
    os.environ.clear()
    os.environ.update(script.environment)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    call_us(script.title)


def _run(command: Sequence[str]) -> int:
    """Run a console script to its end, what it left for the exit included."""
    name, *_ = command
    [script] = entry_points(group="console_scripts", name=name)
    sys.argv = list(command)
    try:
        ended = script.load()()
    except SystemExit as request:
        ended = request.code
    finally:
        atexit._run_exitfuncs()
    if ended is None or isinstance(ended, int):
        return ended or 0
    print(ended, file=sys.stderr)
    return 1
