"""Probes of 200 machines a second, handshakes and database writes included, against a bare paramiko loop.

All take turns in the same run, with as many threads as the worker has; beside them the ssh program, on fewer machines.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from lium_site.stack import application, services
from lium_site.stack.console import StackError, say
from lium_site.stack.credentials import made_up
from lium_site.stack.figures import span
from lium_site.stack.paths import ROOT
from lium_site.stack.probe_bench import machines

OURS, REFERENCE, PROGRAM = "ours", "bare", "ssh"
TITLES: Final = {OURS: "our probe", REFERENCE: "bare paramiko", PROGRAM: "ssh program"}
# A process a probe takes its time; fewer tell as much.
SHARE_OF_PROGRAM: Final = 5


@dataclass(frozen=True, slots=True)
class Round:
    """One way's figures of one round; CPU in milliseconds a probe, of the probing process and its children."""

    per_second: float
    cpu_ms: float


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure; give probes a second of both, and their ratio."""
    options = _options(arguments)
    with services.throwaway() as addresses, TemporaryDirectory(prefix="market-probe-") as name:
        folder = Path(name)
        with machines.servers(folder, count=options.machines) as found:
            machines.save(folder, found)
            environment = _environment(addresses)
            for command in (("migrate", "--verbosity", "0"), ("seed_probe_bench", name)):
                _manage(environment, *command)
            say(f"{len(found)} SSH servers, {options.threads} threads")
            measured = _rounds(folder, environment, options)
    return _outcome(measured)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./market bench probe")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--threads", type=int, default=8, help="default: the worker's")
    return parser.parse_args(arguments)


def _environment(addresses: Mapping[str, str]) -> dict[str, str]:
    invented = made_up()
    return {
        **application.base_environment(),
        **invented.environment(),
        **addresses,
        "DJANGO_SETTINGS_MODULE": "lium_site.settings.base",
        "MARKET_INSTANCE": "bench",
    }


def _manage(environment: Mapping[str, str], *command: str) -> None:
    argv = [sys.executable, str(ROOT / "manage.py"), *command]
    subprocess.run(argv, env=dict(environment), check=True)


def _rounds(
    folder: Path, environment: Mapping[str, str], options: argparse.Namespace
) -> dict[str, list[Round]]:
    ways = {OURS: options.machines, REFERENCE: options.machines}
    ways[PROGRAM] = max(1, options.machines // SHARE_OF_PROGRAM)
    for way in (OURS, REFERENCE):  # does not count: files, pages and connections are cold
        _round(way, folder, environment, ways[way], options.threads)
    found: dict[str, list[Round]] = {way: [] for way in ways}
    for number in range(options.rounds):
        # Who goes first changes, so that a drift of the machine favours nobody.
        order = list(ways) if number % 2 else list(reversed(ways))
        for way in order:
            result = _round(way, folder, environment, ways[way], options.threads)
            found[way].append(result)
            print(_row(number + 1, way, result), flush=True)
    return found


def _round(
    way: str, folder: Path, environment: Mapping[str, str], count: int, threads: int
) -> Round:
    command = [sys.executable, "-m", "lium_site.stack.probe_bench.loop"]
    command += [way, str(folder), str(count), str(threads)]
    bare = {key: value for key, value in environment.items() if key != "DJANGO_SETTINGS_MODULE"}
    chosen = dict(environment) if way == OURS else bare
    done = subprocess.run(command, cwd=ROOT, env=chosen, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["failed"]:
        raise StackError(f"{TITLES[way]}: {found['failed']} of {count} machines did not answer")
    return Round(count / found["seconds"], found["cpu"] / count * 1000)


def _row(number: int, way: str, found: Round) -> str:
    return (
        f"  {number:2d}  {TITLES[way]:<14}{found.per_second:8.1f} probes/s"
        f"{found.cpu_ms:8.2f} ms CPU a probe"
    )


def _outcome(measured: Mapping[str, Sequence[Round]]) -> dict[str, Any]:
    for way, rounds in measured.items():
        rate = statistics.median(found.per_second for found in rounds)
        cpu = statistics.median(found.cpu_ms for found in rounds)
        print(f"median {TITLES[way]:<14}{rate:8.1f} probes/s{cpu:8.2f} ms CPU a probe")
    ours = [found.per_second for found in measured[OURS]]
    reference = [found.per_second for found in measured[REFERENCE]]
    ratios = [mine / theirs for mine, theirs in zip(ours, reference, strict=True)]
    return {
        "bench": "probe",
        "ours": round(statistics.median(ours), 1),
        "reference": round(statistics.median(reference), 1),
        "ratio": round(statistics.median(ratios), 3),
        "unit": "probes/s",
        # Pairs of rounds; the ratio is the median of theirs.
        "n": len(ratios),
        "spread": {"ours": span(ours), "reference": span(reference), "ratio": span(ratios)},
    }
