"""Verify one card's openings at full size (n = 16,384, 154 products, 64 tiles and 20 sweeps), on one core.

CPU seconds and peak memory of a process that does nothing else; beside it, bare ChaCha20 and bare products of as many tiles.
The openings are made tile by tile before the clock starts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lium_site.stack.console import StackError
from lium_site.stack.figures import span
from lium_site.stack.paths import ROOT

OURS, REFERENCE, AUDIT = "verifying", "reference", "auditing"
# One core is what is measured: threads of BLAS would hide the cost of the others.
ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure; give CPU seconds of both, and their ratio."""
    parser = argparse.ArgumentParser(prog="./market bench verify")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--audit", action="store_true", help="also recompute one whole product: minutes"
    )
    options = parser.parse_args(arguments)
    found: dict[str, list[Mapping[str, Any]]] = {OURS: [], REFERENCE: []}
    for number in range(options.rounds):
        for way in (OURS, REFERENCE) if number % 2 else (REFERENCE, OURS):
            found[way].append(_measure(way))
            print(_row(number + 1, way, found[way][-1]), flush=True)
    print(f"peak memory {max(one['peak_mib'] for one in found[OURS]):.0f} MiB")
    late = statistics.median(one["late_ms"] for one in found[OURS])
    print(f"a thread beside it wakes up late: {late:.1f} ms in one of 100 times")
    if options.audit:
        print(_row(1, AUDIT, _measure(AUDIT)), flush=True)
    return _outcome({way: [one["cpu_seconds"] for one in rounds] for way, rounds in found.items()})


def _measure(way: str) -> Mapping[str, Any]:
    command = [sys.executable, "-m", f"lium_site.stack.proof_bench.{way}"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True
    )
    if done.returncode:
        raise StackError(f"the {way} process failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    outcome: Mapping[str, Any] = json.loads(done.stdout)
    return outcome


def _row(number: int, way: str, found: Mapping[str, Any]) -> str:
    memory = f"{found['peak_mib']:8.0f} MiB" if found["peak_mib"] else ""
    return f"  {number:2d}  {way:<12}{found['cpu_seconds']:8.3f} CPU s{memory}"


def _outcome(seconds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    pairs = zip(seconds[OURS], seconds[REFERENCE], strict=True)
    ratios = [ours / reference for ours, reference in pairs]
    return {
        "bench": "verify",
        "ours": round(statistics.median(seconds[OURS]), 3),
        "reference": round(statistics.median(seconds[REFERENCE]), 3),
        "ratio": round(statistics.median(ratios), 3),
        "unit": "CPU seconds a card",
        "n": len(ratios),
        "spread": {
            "ours": span(seconds[OURS]),
            "reference": span(seconds[REFERENCE]),
            "ratio": span(ratios),
        },
    }
