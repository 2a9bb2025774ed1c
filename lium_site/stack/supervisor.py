"""Start things in order, watch them, and stop them in reverse, whatever ends the market."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import Self

from lium_site.stack.console import say
from lium_site.stack.kernel import descendants, reap_orphans
from lium_site.stack.process import Child

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCH_INTERVAL_SECONDS = 0.3
IMPATIENT_AFTER = 3


class StopRequested(BaseException):
    """Interrupt whatever the supervisor does: the user, or whoever started it, wants it to end."""


class Supervisor:
    """A context in which programs run; leaving it stops them in reverse order."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._requests = 0
        self._teardown = ExitStack()

    def __enter__(self) -> Self:
        for number in ENDING_SIGNALS:
            signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        # From here on a signal only counts: an exception must not break the stopping off.
        self._requests = max(self._requests, 1)
        if error is not None and kind is not StopRequested:
            say("stopping, because something failed")
        self._teardown.close()
        return kind is StopRequested

    def watch(self, child: Child) -> Child:
        """Take charge of a running program."""
        self.watch_together([child])
        return child

    def watch_together(self, children: Sequence[Child]) -> None:
        """Take charge of programs that need not wait for each other to stop."""
        self.children += children
        self._teardown.callback(_stop_together, children)

    def at_exit(self, action: Callable[[], None]) -> None:
        """Do something when everything that is started after this has stopped."""
        self._teardown.callback(action)

    def ensure_all_running(self) -> None:
        """Raise for the first program that has ended by itself.

        :raises StackError: with the end of its log.
        """
        for child in self.children:
            child.ensure_running()

    def wait(self) -> None:
        """Watch until a signal ends it.

        :raises StackError: when a program ends by itself.
        """
        while True:
            self.ensure_all_running()
            reap_orphans(except_for={child.process.pid for child in self.children})
            time.sleep(WATCH_INTERVAL_SECONDS)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._requests += 1
        if self._requests == 1:
            say("stopping")
            raise StopRequested
        if self._requests >= IMPATIENT_AFTER:
            say("killing everything")
            for process in descendants(os.getpid()):
                process.signal(signal.SIGKILL)
            os._exit(130)


def _stop_together(children: Sequence[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
