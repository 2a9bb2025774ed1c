"""The outermost process of a market: it forwards signals, adopts orphans, and leaves nothing behind.

Two processes watch each other. The guard is the one that the terminal sees; the work (supervisor) is its child, and
orphans below it become its children, so that none slips away.
Kill -9 of the work: they become the guard's, which ends them.
Kill -9 of the guard: the kernel tells the work to terminate, which stops everything in order.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from lium_site.stack.console import StackError, say
from lium_site.stack.kernel import adopt_orphans, descendants, die_with_parent, end

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEFTOVER_GRACE_SECONDS = 5.0


def guarded(work: Callable[[], int], *, keep_terminal: bool = False) -> int:
    """Run the work in a child process and return its exit status once nothing of it is left.

    With keep_terminal the work stays in the terminal's process group, gets Ctrl-C from it, and may read from it.
    """
    adopt_orphans()
    sys.stdout.flush()
    sys.stderr.flush()
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        _become_work(work, guard=guard, keep_terminal=keep_terminal)
    _forward_signals(to=child, except_from_terminal=keep_terminal)
    status = _wait_for(child)
    _end_leftovers()
    return status


def _become_work(work: Callable[[], int], *, guard: int, keep_terminal: bool) -> None:
    status = 1
    try:
        die_with_parent(signal.SIGTERM)
        if not keep_terminal:
            os.setsid()
        # The guard may have died before the kernel was asked to tell us.
        if os.getppid() == guard:
            adopt_orphans()
            status = work()
    except StackError as error:
        say(str(error))
    except KeyboardInterrupt:
        status = 130
    except SystemExit as request:
        status = request.code if isinstance(request.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        _end_leftovers()
        # The terminal may be closed by now; this process must end here all the same.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _forward_signals(*, to: int, except_from_terminal: bool) -> None:
    def forward(number: int, _frame: FrameType | None) -> None:
        if not (except_from_terminal and number == signal.SIGINT):
            os.kill(to, number)

    for number in FORWARDED:
        signal.signal(number, forward)


def _wait_for(child: int) -> int:
    """Reap every process that ends here, until the child does."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_leftovers() -> None:
    end(descendants(os.getpid()), grace_seconds=LEFTOVER_GRACE_SECONDS)
