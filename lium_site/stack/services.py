"""The database and the message broker: yours where DATABASE_URL and REDIS_URL say so, else our own."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lium_site.stack import postgres, valkey
from lium_site.stack.console import say
from lium_site.stack.supervisor import Supervisor


def start(
    supervisor: Supervisor, *, folder: Path, sockets: Path, logs: Path, ephemeral: bool = False
) -> dict[str, str]:
    """Start what is missing; return the two addresses as environment variables."""
    return {
        "DATABASE_URL": os.environ.get("DATABASE_URL")
        or _start_postgres(
            supervisor, folder=folder, sockets=sockets, logs=logs, ephemeral=ephemeral
        ),
        "REDIS_URL": os.environ.get("REDIS_URL")
        or _start_valkey(
            supervisor, folder=folder, sockets=sockets, logs=logs, ephemeral=ephemeral
        ),
    }


@contextmanager
def throwaway() -> Iterator[dict[str, str]]:
    """Provide an empty database and broker that are gone afterwards."""
    with TemporaryDirectory(prefix="market-test-") as name, Supervisor() as supervisor:
        folder = Path(name)
        yield start(supervisor, folder=folder, sockets=folder, logs=folder, ephemeral=True)


def _start_postgres(
    supervisor: Supervisor, *, folder: Path, sockets: Path, logs: Path, ephemeral: bool
) -> str:
    started = time.monotonic()
    cluster = postgres.cluster_in(folder, sockets=sockets, ephemeral=ephemeral)
    if ephemeral:
        supervisor.at_exit(cluster.remove)
    supervisor.watch(postgres.start(cluster, log_folder=logs))
    say(f"PostgreSQL is ready ({time.monotonic() - started:.1f} s)")
    return cluster.url


def _start_valkey(
    supervisor: Supervisor, *, folder: Path, sockets: Path, logs: Path, ephemeral: bool
) -> str:
    started = time.monotonic()
    child, url = valkey.start(folder, sockets=sockets, log_folder=logs, ephemeral=ephemeral)
    supervisor.watch(child)
    say(f"Valkey is ready ({time.monotonic() - started:.1f} s)")
    return url
