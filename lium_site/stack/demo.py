"""`./market demo`: the main job from outside, with the time of each step."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lium_site.stack import demo_steps
from lium_site.stack.application import base_environment, free_port
from lium_site.stack.claim import running_in
from lium_site.stack.console import StackError, say
from lium_site.stack.demo_journey import Journey
from lium_site.stack.kernel import die_with_parent
from lium_site.stack.paths import ROOT, State, open_state
from lium_site.stack.renter import Renter

READY_SECONDS = 600.0
STOP_SECONDS = 90.0


class Clock:
    """Run steps by name and remember how long each took."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def __call__(self, name: str, step: Callable[[], str]) -> None:
        started = time.monotonic()
        try:
            told = step()
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise StackError(
                f"{name}: the answer has another shape than promised: {error!r}"
            ) from error
        seconds = time.monotonic() - started
        self.steps.append({"name": name, "seconds": round(seconds, 3)})
        say(f"{seconds:7.2f} s  {name}{': ' if told else ''}{told}")


@dataclass
class Demo:
    """What a run has come to, also where it broke off."""

    clock: Clock = field(default_factory=Clock)
    journey: Journey | None = None
    error: str = ""


def run(*, as_json: bool) -> int:
    """Do the main job; return 0 if every step held."""
    demo, started = Demo(), time.monotonic()
    try:
        _do_main_job(demo)
    except StackError as failure:
        demo.error = str(failure)
        say(demo.error)
    say(f"{'failed' if demo.error else 'done'} after {time.monotonic() - started:.1f} s")
    if as_json:
        # Amounts are JSON numbers: nine places are well within what a double gives back.
        print(json.dumps(_summary(demo), default=float), flush=True)
    return 1 if demo.error else 0


def _do_main_job(demo: Demo) -> None:
    state = open_state()
    with _market(state, demo.clock):
        demo.journey = _open_journey(state)
        try:
            _walk(demo.journey, demo.clock)
        finally:
            _leave_nothing(demo.journey)


@contextmanager
def _market(state: State, clock: Clock) -> Iterator[None]:
    """Use the market that runs, else run one for the demo alone."""
    if running_in(state) is not None:
        clock("wait for the market", lambda: _await_ready(state, None))
        yield
        return
    command = [
        sys.executable,
        "-m",
        "lium_site.stack",
        "up",
        "--port",
        str(free_port()),
        "--no-card",
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=base_environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(signal.SIGTERM),
    )
    try:
        clock("start the market", lambda: _await_ready(state, process))
        yield
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise StackError(
            f"the market did not stop within {STOP_SECONDS:.0f} s. Look for it: ./market down"
        ) from error


def _await_ready(state: State, process: "subprocess.Popen[bytes] | None") -> str:
    deadline = time.monotonic() + READY_SECONDS
    while (running := running_in(state)) is None or running.phase != "ready":
        if process is not None and process.poll() is not None:
            raise StackError("the market did not start; its words are above")
        if time.monotonic() > deadline:
            raise StackError(f"the market was not ready within {READY_SECONDS:.0f} s")
        time.sleep(0.1)
    return running.url


def _open_journey(state: State) -> Journey:
    running = running_in(state)
    if running is None:
        raise StackError("the market ended before the demo began")
    return Journey(Renter(url=running.url))


def _walk(journey: Journey, clock: Clock) -> None:
    for name, step in demo_steps.STEPS:
        clock(name, partial(step, journey))


def _leave_nothing(journey: Journey) -> None:
    """Remove the pod of a demo that broke off."""
    if journey.pod_id and not journey.receipt:
        with suppress(StackError):
            demo_steps.remove(journey)


def _summary(demo: Demo) -> dict[str, Any]:
    outcome: dict[str, Any] = {"ok": not demo.error, "steps": demo.clock.steps}
    if demo.error:
        outcome["error"] = demo.error
    if journey := demo.journey:
        outcome |= {
            "invoice": journey.invoice,
            "paid_usd": journey.paid_usd,
            "pod_id": journey.pod_id,
            "ssh_output": journey.ssh_output,
            "ready_seconds": journey.receipt.get("ready_seconds"),
            "charged_usd": journey.receipt.get("charged_usd", 0),
            "receipt": journey.receipt,
            "trial_balance": journey.trial_balance,
            "proof": journey.proof,
            "bundle": journey.bundle,
        }
    return outcome
