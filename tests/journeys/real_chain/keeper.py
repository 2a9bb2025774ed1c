"""Starts the journey's workers: a line that comes in names one, the line that goes out is its process.

It is a program of its own that holds nothing open, for its children are forks (docs/adr/0010): what a fork inherits and
forgets may close a file of its own. Workers are those that docs/security.md has on a real chain, each with its key alone.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Final

from lium_site.stack import deposits, fork
from lium_site.stack.paths import ROOT, State
from lium_site.stack.process import Child, Program

OPTIONS: Final = {
    "watcher": "--queues chain --pool threads --concurrency 6",
    "payer": "--queues payout --pool threads --concurrency 1",
    "meter": "--queues metering --concurrency 1",
}
SEEDS: Final = {"watcher": "MARKET_DEPOSIT_SEED_FILE", "payer": "MARKET_PAYOUT_SEED_FILE"}


def main() -> None:
    """Start what is asked for until nobody asks any more; then leave none behind."""
    fork.load(os.environ)
    state = State(Path(os.environ["MARKET_STATE"]))
    running: dict[str, Child] = {}
    for line in sys.stdin:
        name = line.strip()
        if name in running:
            # Who asks has killed it.
            running[name].process.wait(10)
        running[name] = Child(_program(state, name), log_folder=state.logs)
        print(running[name].process.pid, flush=True)
    for child in running.values():
        if child.is_running():
            os.killpg(child.process.pid, signal.SIGKILL)


def _program(state: State, name: str) -> Program:
    files = deposits.signing_environment(state)
    seed = {SEEDS[name]: files[SEEDS[name]]} if name in SEEDS else {}
    command = ["celery", "-A", "lium_site", "worker", *OPTIONS[name].split()]
    command += ["--hostname", f"{name}@%h", "--without-gossip", "--without-mingle"]
    return Program(
        name=name,
        command=command,
        folder=ROOT,
        environment={**os.environ, **seed},
        stop_signal=signal.SIGKILL,
        forked=True,
    )


if __name__ == "__main__":
    main()
