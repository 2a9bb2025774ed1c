"""The market's own programs: migrations and seeds first, then web server, worker and clock."""

import http.client
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from lium_site.stack.console import StackError, say
from lium_site.stack.paths import ROOT, State
from lium_site.stack.process import Program, run_to_end
from lium_site.stack.supervisor import Supervisor

COMPUTING = "metering,sweep,celery"
READY_SECONDS = 60.0


def manage(
    state: State, environment: Mapping[str, str], *arguments: str, data: bytes = b""
) -> None:
    """Run one management command to its end.

    :raises StackError: with the end of its log if it fails.
    """
    started = time.monotonic()
    run_to_end(
        Program(
            name=arguments[0],
            command=["django-admin", *arguments],
            folder=ROOT,
            environment=environment,
            input=data,
            forked=True,
        ),
        log_folder=state.logs,
    )
    say(f"{arguments[0].replace('_', ' ')} is done ({time.monotonic() - started:.1f} s)")


def web(environment: Mapping[str, str], *, port: int) -> Program:
    """Describe the web server: pages, API and websockets of one origin."""
    command: list[str | Path] = [
        "uvicorn",
        "lium_site.asgi:application",
        "--host",
        "127.0.0.1",
    ]
    command += ["--port", str(port), "--lifespan", "off", "--ws", "websockets-sansio"]
    # Nothing stands before it, so nobody else's word on the client's address counts.
    command += ["--timeout-graceful-shutdown", "5", "--no-proxy-headers"]
    return Program(name="web", command=command, folder=ROOT, environment=environment, forked=True)


def workers(environment: Mapping[str, str], *, signing: Mapping[str, str]) -> tuple[Program, ...]:
    """Describe the Celery workers; ``signing`` reaches only the one that sends what we pay.

    What computes runs in processes with enforced time limits; the sweeps that ring for all else are among it. What waits
    for machines or the chain runs in threads, which share SSH connections. Probes have their own, so that slow image
    pulls never starve them; so have checks, so that machines that nobody rents yet starve neither.
    """
    return (
        _celery("worker", environment, "--queues", COMPUTING, "--concurrency", "2"),
        _threads("provisioner", environment, queues="provision", count=16),
        _threads("prober", environment, queues="probe", count=16),
        # Proofs have threads beside its tasks: all machines of a round wait for one block.
        _threads("checker", environment, queues="checks,heartbeat", count=16, beside=64),
        _threads("courier", environment, queues="mail", count=4),
        # Receivers of webhooks are slow, or mean to be: no mail waits for them.
        _threads("caller", environment, queues="webhooks", count=16),
        # One more process would cost seconds of every start: the keys of a real market have workers of their own.
        # A thread for each periodic task: a payment is credited while others still wait for the chain.
        _threads("chain", {**environment, **signing}, queues="chain,payout", count=7),
    )


def _threads(
    name: str, environment: Mapping[str, str], *, queues: str, count: int, beside: int = 0
) -> Program:
    # Beside the task's connection each thread may need one more, to renew its lease.
    pooled = {**environment, "MARKET_DATABASE_POOL": str(2 * (count + beside))}
    chosen = ("--queues", queues, "--pool", "threads", "--concurrency", str(count))
    return _celery(name, pooled, *chosen)


def _celery(name: str, environment: Mapping[str, str], *options: str) -> Program:
    command: list[str | Path] = ["celery", "-A", "lium_site", "worker", *options]
    # Gossip and mingle are talk between workers that know each other's queues anyway; they delay the start by seconds.
    command += ["--hostname", f"{name}@%h", "--without-gossip", "--without-mingle"]
    # A task that outlives the grace is repeated at the next start: every one of them may run twice.
    return Program(
        name=name,
        command=command,
        folder=ROOT,
        environment=environment,
        grace_seconds=10.0,
        forked=True,
    )


def beat(environment: Mapping[str, str], *, schedule: Path) -> Program:
    """Describe the clock that rings the periodic tasks."""
    command: list[str | Path] = ["celery", "-A", "lium_site", "beat"]
    command += ["--schedule", schedule, "--pidfile", ""]
    return Program(name="beat", command=command, folder=ROOT, environment=environment, forked=True)


def wait_until_served(supervisor: Supervisor, *, port: int, path: str = "/readyz") -> None:
    """Wait until the market says that it is ready.

    :raises StackError: if a program ends, or the time is over, with the last answer.
    """
    deadline = time.monotonic() + READY_SECONDS
    while (answer := _answer(port, path)) != "200":
        supervisor.ensure_all_running()
        if time.monotonic() > deadline:
            raise StackError(
                f"{path} did not answer 200 within {READY_SECONDS:.0f} s, but: {answer}"
            )
        time.sleep(0.1)


def _answer(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return (
            "200"
            if response.status == 200
            else f"{response.status} {response.read(300).decode(errors='replace')}"
        )
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def base_environment() -> dict[str, str]:
    """Return what every program of the market inherits from the caller."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
