"""One metering tick over 100,000 running pods, against a bare INSERT ... SELECT of the rows that it wrote.

The reference goes into tables with the same keys, indexes and checks, without triggers: what a tick costs beyond
storing its rows is finding what is due, rounding, moving the meters, and proving every entry. Both grow by the same
rows in alternating rounds of one run.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Final, cast

import psycopg
from psycopg import sql

from lium_site.stack import services
from lium_site.stack.bench_database import environment_of, own_database
from lium_site.stack.console import StackError, say
from lium_site.stack.figures import at_least_one, span
from lium_site.stack.metering_bench import memory, rows
from lium_site.stack.paths import ROOT

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Both figures of a round in seconds, and the memory that they took in MiB."""

    tick: float
    bare: float
    process_mib: float
    backend_mib: float
    spilled_mib: float


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure; give seconds of a tick and of the bare insert, and their ratio."""
    options = _options(arguments)
    with services.throwaway() as addresses, own_database(addresses["DATABASE_URL"]) as url:
        environment = environment_of({**addresses, "DATABASE_URL": url})
        subprocess.run(
            [sys.executable, ROOT / "manage.py", "migrate", "--verbosity", "0"],
            env=environment,
            check=True,
        )
        with psycopg.connect(url, autocommit=True) as connection:
            started = time.monotonic()
            rows.fill(connection, pods=options.pods, start=START.isoformat())
            say(f"{options.pods:,} running pods are there ({time.monotonic() - started:.0f} s)")
            with _ticker(environment) as ticker:
                return _outcome(_rounds(connection, ticker, options), pods=options.pods)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./market bench metering")
    parser.add_argument("--rounds", type=at_least_one, default=7)
    parser.add_argument("--pods", type=at_least_one, default=100_000)
    return parser.parse_args(arguments)


class Ticker:
    """The market's process that ticks."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.orders, self.answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        self.backend = int(self.read()["backend"])

    def tick(self, now: datetime) -> tuple[dict[str, Any], float]:
        """Tick once; give what it told, and the most private memory of its database backend, in MiB."""
        with memory.peak_of(self.backend) as peak:
            self.orders.write(f"{now.isoformat()}\n")
            self.orders.flush()
            told = self.read()
        return told, peak[0]

    def read(self) -> dict[str, Any]:
        """Read one line of what it tells.

        :raises StackError: it ended.
        """
        line = self.answers.readline()
        if not line:
            raise StackError("the process that ticks ended; what it said is above")
        told: dict[str, Any] = json.loads(line)
        return told


@contextmanager
def _ticker(environment: Mapping[str, str]) -> Iterator[Ticker]:
    process = subprocess.Popen(
        [sys.executable, "-m", "lium_site.stack.metering_bench.ticker"],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Ticker(process)
    finally:
        process.terminate()
        process.wait(20)


def _rounds(
    connection: psycopg.Connection[Any], ticker: Ticker, options: argparse.Namespace
) -> list[Round]:
    print(f"a tick over {options.pods:,} running pods, and a bare insert of the rows that it wrote")
    found = []
    # The first round finds empty tables and cold caches: it is not counted.
    for number in range(options.rounds + 1):
        now = START + TICK * (number + 1)
        measured = _round(connection, ticker, now, pods=options.pods)
        if number:
            found.append(measured)
            print(_row(number, measured), flush=True)
    return found


def _round(
    connection: psycopg.Connection[Any], ticker: Ticker, now: datetime, *, pods: int
) -> Round:
    newest, spilled = _newest(connection), _spilled(connection)
    rows.next_minute(connection, now=now.isoformat())
    told, backend_mib = ticker.tick(now)
    if told["written"] != pods:
        raise StackError(f"a tick over {pods} pods wrote {told['written']} entries")
    spilled = _spilled(connection) - spilled
    connection.execute("CHECKPOINT")
    started = time.perf_counter()
    with connection.transaction():
        for statement in rows.COPY:
            connection.execute(statement, newest)
    bare = time.perf_counter() - started
    return Round(
        tick=told["seconds"],
        bare=bare,
        process_mib=told["peak_mib"],
        backend_mib=backend_mib,
        spilled_mib=spilled / 2**20,
    )


def _newest(connection: psycopg.Connection[Any]) -> dict[str, int]:
    newest = {}
    for table in ("entry", "posting"):
        query = sql.SQL("SELECT coalesce(max(id), 0) FROM {}")
        found = connection.execute(query.format(sql.Identifier(f"billing_{table}")))
        newest[table] = int(found.fetchall()[0][0])
    return newest


def _spilled(connection: psycopg.Connection[Any]) -> int:
    """Give the bytes that statements of this database have put into temporary files."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    query = "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0


def _row(number: int, found: Round) -> str:
    return (
        f"  {number}  tick {found.tick:6.2f} s   bare {found.bare:6.2f} s   {found.tick / found.bare:5.2f} times"
        f"   memory: backend {found.backend_mib:,.0f} MiB, spilled {found.spilled_mib:,.0f} MiB,"
        f" process {found.process_mib:,.0f} MiB"
    )


def _outcome(found: Sequence[Round], *, pods: int) -> dict[str, Any]:
    ticks, bares = [one.tick for one in found], [one.bare for one in found]
    ratios = [one.tick / one.bare for one in found]
    return {
        "bench": "metering",
        "ours": round(statistics.median(ticks), 3),
        "reference": round(statistics.median(bares), 3),
        "ratio": round(statistics.median(ratios), 3),
        "unit": f"s a tick of {pods:,} pods",
        "n": len(found),
        "spread": {
            "ours": span(ticks),
            "reference": span(bares),
            "ratio": span(ratios),
            "backend_mib": span([one.backend_mib for one in found]),
            "process_mib": span([one.process_mib for one in found]),
        },
    }
