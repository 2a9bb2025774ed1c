"""GET /executors?limit=50 over 100,000 rentable rows with a key checked, against a bare ASGI app over asyncpg.

Both run as two uvicorn processes, in alternating rounds of the same run.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from lium_site.stack import application, services
from lium_site.stack.bench_database import environment_of, own_database
from lium_site.stack.catalogue_bench import rows
from lium_site.stack.console import StackError, say
from lium_site.stack.figures import at_least_one, span
from lium_site.stack.paths import ROOT

OURS, REFERENCE = "ours", "reference"
APPLICATIONS: Final = {
    OURS: "lium_site.asgi:application",
    REFERENCE: "lium_site.stack.catalogue_bench.reference:application",
}
PROCESSES: Final = 2
PAGE: Final = "/api/executors?limit=50"
WHOLE: Final = "/api/executors?view=summary"
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server under test."""

    name: str
    port: int
    pid: int
    database_pid: int | None


@dataclass(frozen=True, kw_only=True)
class Round:
    """One server's figures of one round; CPU in microseconds a request."""

    per_second: float
    p50_ms: float
    p99_ms: float
    size: int
    cpu: float
    database_cpu: float | None


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure; give requests a second of both, and their ratio."""
    options = _options(arguments)
    with services.throwaway() as addresses, own_database(addresses["DATABASE_URL"]) as url:
        environment = environment_of({**addresses, "DATABASE_URL": url})
        _seed(environment, url)
        with TemporaryDirectory() as logs, _servers(environment, url, Path(logs)) as servers:
            print(f"GET {PAGE}, {rows.ROWS:,} rentable rows, {rows.KEYS:,} keys")
            measured = _rounds(servers, PAGE, options)
            rows.keep_only(url, 1000)
            print(f"GET {WHOLE}, the whole list of 1,000 nodes as `lium ls` asks for it")
            _rounds(servers, WHOLE, options)
    return _outcome(measured)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./market bench catalogue")
    parser.add_argument("--rounds", type=at_least_one, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each server in each round")
    parser.add_argument("--connections", type=at_least_one, default=8)
    return parser.parse_args(arguments)


def _seed(environment: Mapping[str, str], url: str) -> None:
    started = time.monotonic()
    for command in (("migrate", "--verbosity", "0"), ("seed_market",)):
        subprocess.run(
            [sys.executable, ROOT / "manage.py", *command], env=dict(environment), check=True
        )
    rows.fill(url)
    say(f"{rows.ROWS:,} rows are seeded ({time.monotonic() - started:.0f} s)")


@contextmanager
def _servers(environment: Mapping[str, str], url: str, logs: Path) -> Iterator[list[Server]]:
    running = []
    database_pid = _postmaster(url)
    try:
        servers = []
        for name, target in APPLICATIONS.items():
            port = application.free_port()
            child = _serve(target, port, environment, logs / f"{name}.log")
            running.append(child)
            servers.append(Server(name=name, port=port, pid=child.pid, database_pid=database_pid))
        for server in servers:
            _wait_for(server, logs)
        yield servers
    finally:
        for child in running:
            child.terminate()
        for child in running:
            child.wait(20)


def _serve(
    target: str, port: int, environment: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "uvicorn", target, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(PROCESSES), "--lifespan", "off", "--no-access-log"]
    command += ["--no-proxy-headers"]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=output, stderr=output
        )


def _wait_for(server: Server, logs: Path) -> None:
    end = time.monotonic() + 60
    while not _answers(server):
        if time.monotonic() > end:
            text = (logs / f"{server.name}.log").read_text()[-2000:]
            raise StackError(f"the server {server.name!r} does not answer: {text}")
        time.sleep(0.2)


def _answers(server: Server) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", PAGE, headers={"X-API-KEY": rows.key(0)})
        return len(json.loads(connection.getresponse().read())) == 50
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _rounds(
    servers: Sequence[Server], path: str, options: argparse.Namespace
) -> dict[str, list[Round]]:
    for server in servers:
        _round(server, path, 1.0, options.connections)
    found: dict[str, list[Round]] = {server.name: [] for server in servers}
    for number in range(options.rounds):
        # Whoever goes second finds a warmer machine: take turns.
        for server in servers if number % 2 == 0 else tuple(reversed(servers)):
            result = _round(server, path, options.seconds, options.connections)
            found[server.name].append(result)
            _show(number, server, result)
    return found


def _round(server: Server, path: str, seconds: float, connections: int) -> Round:
    before = _cpu(server.pid), _cpu(server.database_pid)
    command = [sys.executable, "-m", "lium_site.stack.catalogue_bench.load"]
    command += [str(server.port), path, str(seconds), str(connections)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    after = _cpu(server.pid), _cpu(server.database_pid)
    found = json.loads(done.stdout)
    if found["failures"]:
        raise StackError(f"{server.name} answered {found['failures']} requests with an error")
    spent = [_spent(old, new, found["requests"]) for old, new in zip(before, after, strict=True)]
    return Round(
        per_second=found["per_second"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        size=found["bytes"],
        cpu=spent[0] or 0.0,
        database_cpu=spent[1],
    )


def _show(number: int, server: Server, found: Round) -> None:
    database = "unknown" if found.database_cpu is None else f"{found.database_cpu:,.0f}"
    print(
        f"  {number + 1}  {server.name:<10}{found.per_second:9,.1f} requests/s"
        f"   p50 {found.p50_ms:6.1f} ms   p99 {found.p99_ms:6.1f} ms   {found.size:9,} bytes"
        f"   CPU us a request: {found.cpu:,.0f} server, {database} PostgreSQL",
        flush=True,
    )


def _outcome(measured: Mapping[str, Sequence[Round]]) -> dict[str, Any]:
    ours = [found.per_second for found in measured[OURS]]
    reference = [found.per_second for found in measured[REFERENCE]]
    ratios = [mine / theirs for mine, theirs in zip(ours, reference, strict=True)]
    return {
        "bench": "catalogue",
        "ours": round(statistics.median(ours), 1),
        "reference": round(statistics.median(reference), 1),
        "ratio": round(statistics.median(ratios), 3),
        "unit": "requests/s",
        # Pairs of rounds; the ratio is the median of theirs.
        "n": len(ratios),
        "spread": {OURS: span(ours), REFERENCE: span(reference), "ratio": span(ratios)},
    }


def _postmaster(url: str) -> int | None:
    """Find the database server's main process, where it runs on this machine and we may read it."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        try:
            return _stat(row[0])[0] if row else None
        except OSError:
            return None


def _cpu(pid: int | None) -> dict[int, int] | None:
    """Give the CPU ticks of a process and of each of its descendants."""
    if pid is None:
        return None
    stats = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stats[int(entry.name)] = _stat(int(entry.name))
            except OSError:
                continue
    family = {pid}
    while more := {child for child, (parent, _) in stats.items() if parent in family} - family:
        family |= more
    return {member: stats[member][1] for member in family if member in stats}


def _stat(pid: int) -> tuple[int, int]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), int(fields[11]) + int(fields[12])


def _spent(
    before: Mapping[int, int] | None, after: Mapping[int, int] | None, requests: int
) -> float | None:
    """Give microseconds a request, over the processes that were there at the end."""
    if before is None or after is None:
        return None
    ticks = sum(value - before.get(pid, 0) for pid, value in after.items())
    return ticks / TICKS * 1_000_000 / requests
