"""`./market down`: stop the market, then remove its pods, network and firewall rules."""

import signal

from lium_site.stack import engine, residue
from lium_site.stack.claim import claimed, running_in, wait_until_free
from lium_site.stack.console import StackError, say
from lium_site.stack.kernel import ProcessRef, reference
from lium_site.stack.paths import State, open_state
from lium_site.stack.supervisor import Supervisor

STOP_SECONDS = 90.0


def run() -> int:
    """Leave nothing of this checkout's market running; data stays.

    :raises StackError: if a running market does not stop, or the engine refuses.
    """
    state = open_state()
    _stop_running(state)
    with claimed(state, url=""), Supervisor() as supervisor:
        if _may_have_pods(state):
            _remove_pods(state, supervisor)
    return 0


def _stop_running(state: State) -> None:
    running = running_in(state)
    guard: ProcessRef | None = reference(running.pid) if running else None
    if guard is not None:
        say(f"stopping the market of pid {guard.pid}")
        guard.signal(signal.SIGTERM)
    if not wait_until_free(state, within_seconds=STOP_SECONDS):
        who = f" Kill it: kill -9 {guard.pid}" if guard else ""
        raise StackError(f"the running market did not stop within {STOP_SECONDS:.0f} s.{who}")


def _may_have_pods(state: State) -> bool:
    """Say whether a local machine was ever set up here: without one there is no need for an engine."""
    return (state.folder / "sshd").exists()


def _remove_pods(state: State, supervisor: Supervisor) -> None:
    try:
        found = engine.find_or_start(state, supervisor)
    except engine.NoEngine as reason:
        say(f"cannot look for pods: {reason}")
        return
    removed = residue.remove_pods(found, state)
    say(f"removed {removed} pod(s)" if removed else "no pods were left")
    residue.clear_network(found, state)
