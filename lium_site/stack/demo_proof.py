"""The part of the demo in which anybody has a machine proven, and checks the result without the market."""

import subprocess
import sys
import time
from typing import Any

from lium_site.stack.console import StackError
from lium_site.stack.demo_journey import Journey
from lium_site.stack.paths import ROOT, open_state, private_folder
from lium_site.stack.renter import Refused

PROOF_SECONDS = 180.0
POLL_SECONDS = 0.3


def prove(journey: Journey) -> str:
    """Ask for a proof of the machine that was rented, and wait for its verdict."""
    node = journey.executor["id"]
    deadline = time.monotonic() + PROOF_SECONDS
    journey.proof = _ask(journey, node, deadline)
    while journey.proof["status"] != "done":
        if time.monotonic() > deadline:
            raise StackError(
                f"the proof was not done within {PROOF_SECONDS:.0f} s: {_said(journey)}"
            )
        time.sleep(POLL_SECONDS)
        journey.proof = journey.renter.get(f"proofs/{journey.proof['id']}")
    if journey.proof["verdict"] != "pass":
        raise StackError(f"the machine was not proven: {_said(journey)}")
    cards = "simulated cards" if journey.proof["simulated"] else "cards"
    return (
        f"{journey.proof['gpu_count']} {cards}, fill {journey.proof['fill_seconds']} s, "
        f"sweeps {journey.proof['sweep_seconds']} s"
    )


def verify(journey: Journey) -> str:
    """Keep the bundle, and verify it as a stranger would: from a file, without database or network."""
    folder = private_folder(open_state().folder / "bundles")
    file = folder / f"{journey.proof['id']}.bundle.json"
    file.write_bytes(journey.renter.read(f"proofs/{journey.proof['id']}/bundle.json"))
    done = subprocess.run(
        [sys.executable, "-m", "validation.verify", str(file)],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=PROOF_SECONDS,
    )
    if done.returncode != 0:
        raise StackError(f"the bundle does not hold: {(done.stdout + done.stderr)[-500:]}")
    journey.bundle = str(file)
    return f"{done.stdout.strip().splitlines()[-1]}; {file}"


def _ask(journey: Journey, node: str, deadline: float) -> dict[str, Any]:
    """Ask again while the pod's GPUs are on their way back to the market."""
    while True:
        try:
            answer: dict[str, Any] = journey.renter.post(f"executors/{node}/proofs", {})
            return answer
        except Refused as refusal:
            if refusal.status != 409 or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _said(journey: Journey) -> str:
    return str(journey.proof.get("reason") or journey.proof["status"])
