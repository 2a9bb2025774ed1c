"""PostgreSQL and Valkey come up, again and over what a killed run left behind."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import redis

from lium_site.stack import postgres, services
from lium_site.stack.paths import State
from lium_site.stack.postgres import Cluster
from lium_site.stack.supervisor import Supervisor


@pytest.fixture(autouse=True)
def _no_services_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def start(supervisor: Supervisor, state: State) -> dict[str, str]:
    return services.start(supervisor, folder=state.folder, sockets=state.run, logs=state.logs)


@pytest.mark.parametrize("forbidden", ["0", "1"], ids=["user-namespaces", "as-nobody"])
def test_data_survives_a_restart_and_stale_files(
    state: State, monkeypatch: pytest.MonkeyPatch, forbidden: str
) -> None:
    monkeypatch.setenv("MARKET_NO_USERNS", forbidden)
    cluster = postgres.cluster_in(state.folder, sockets=state.run)
    with ExitStack() as cleanup:
        cleanup.callback(cluster.remove)
        with Supervisor() as supervisor:
            addresses = start(supervisor, state)
            with psycopg.connect(addresses["DATABASE_URL"], autocommit=True) as connection:
                connection.execute("CREATE TABLE kept (n int)")
        leave_what_a_killed_server_leaves(cluster, state.run)

        with Supervisor() as supervisor:
            assert start(supervisor, state) == addresses
            with psycopg.connect(addresses["DATABASE_URL"]) as connection:
                connection.execute("SELECT n FROM kept")
            assert redis.Redis.from_url(addresses["REDIS_URL"]).ping()


def leave_what_a_killed_server_leaves(cluster: Cluster, run: Path) -> None:
    """Leave sockets that nobody listens on, and lock files with the pid of another program (ours)."""
    (cluster.data / "postmaster.pid").write_text(
        f"{os.getpid()}\n{cluster.data}\n1\n5432\n\n\n0 0\n"
    )
    (cluster.sockets / ".s.PGSQL.5432.lock").write_text(str(os.getpid()))
    for path in (cluster.sockets / ".s.PGSQL.5432", run / "redis.sock"):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))


def test_killed_first_start_leaves_no_half_cluster(state: State) -> None:
    (state.folder / "pg18.new").mkdir()
    (state.folder / "pg18.new" / "PG_VERSION").write_text("18")

    with Supervisor() as supervisor:
        psycopg.connect(start(supervisor, state)["DATABASE_URL"]).close()


def test_services_of_the_user_are_used(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/market")
    monkeypatch.setenv("REDIS_URL", "redis://broker")

    with Supervisor() as supervisor:
        assert start(supervisor, state) == {
            "DATABASE_URL": "postgresql://db/market",
            "REDIS_URL": "redis://broker",
        }
        assert not supervisor.children


def test_throwaway_leaves_nothing() -> None:
    with services.throwaway() as addresses:
        folder = Path(addresses["REDIS_URL"].removeprefix("unix://")).parent
        assert folder.exists()

    assert not folder.exists()
