"""The whole journey on the real Subtensor runtime, while its workers are killed with -9 at random moments.

    python -m tests.journeys.real_chain --seed 7 --kills 50

A coldkey is linked on its page, 12.5 TAO that it signed come to the treasury and are credited, a stranger's TAO come to
the workspace's own address and are swept, a pod is rented with them and runs, its provider and others are paid out on the
chain, and the hourly reconciliation compares every key; then it begins again, until the last kill has been made.
PostgreSQL, broker, runtime, workers, and one pod's machine and container are real; the other pods are rows whose
readiness is written down as a probe does it. Exits with 1 where anything was lost or doubled.
"""

import argparse
import sys
import time
from random import Random

from lium_site.stack.paths import State
from tests.billing.chain import runtime as real
from tests.journeys.real_chain.surroundings import market
from tests.machines import why_no_engine


def main() -> int:
    """Run the journey; give the exit status."""
    asked = _arguments()
    if reason := why_no_engine() or real.why_not():
        print(reason)
        return 2
    print(f"seed {asked.seed}, {asked.kills} kills", flush=True)
    started = time.monotonic()
    with real.running() as runtime, market(runtime) as state:
        findings = _travel(asked, state, runtime)
    print(f"{len(findings)} findings, {time.monotonic() - started:.0f} s", flush=True)
    return 1 if findings else 0


def _travel(asked: argparse.Namespace, state: State, runtime: real.Runtime) -> list[str]:
    # Models can be imported only now.
    from tests.journeys.real_chain import audit, journey

    rng = Random(asked.seed)
    with journey.opened(state, runtime, rng=rng, kills=asked.kills) as way:
        way.travel()
        findings = audit.findings(way)
        for line in [*audit.figures(way), *(f"WRONG: {one}" for one in findings)]:
            print(line, flush=True)
    return findings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.journeys.real_chain")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    parser.add_argument("--kills", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
