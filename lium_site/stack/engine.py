"""The Docker engine: the one that answers already, else one of our own that ends with us.

Our own has its own data, socket and container namespace: it neither starts nor sees the containers of an engine that
the user merely has not started. Its pods outlive it (live restore) and are found again by the next one.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lium_site.stack import netfilter
from lium_site.stack.console import StackError, say
from lium_site.stack.kernel import POD_KEEPER, descendants, pids_with, shares_network
from lium_site.stack.paths import State, private_folder
from lium_site.stack.predecessor import await_end
from lium_site.stack.process import Child, Program, wait_until_ready
from lium_site.stack.supervisor import Supervisor
from rentals.engine.spec import MARKET_LABEL, POD_NAME_PREFIX

START_SECONDS = 60.0
ASK_SECONDS = 15.0
WORK_SECONDS = 120.0
KEEPER_SECONDS = 5.0
# A reboot empties this folder: what is in it refers to running processes.
RUNTIMES = Path("/run")
# One for all checkouts of a machine: whose engine ends last gives the packet filter back.
NETFILTER_NOTES = "market-netfilter.json"


class NoEngine(StackError):
    """There is no engine and we cannot start one; the sentence says why."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers, at its DOCKER_HOST, or at the client's default where that is None."""

    host: str | None

    @property
    def environment(self) -> dict[str, str]:
        """Return what makes the docker client talk to this engine."""
        return {**os.environ, **({"DOCKER_HOST": self.host} if self.host else {})}

    def docker(self, *arguments: str) -> str:
        """Run the docker client and return what it printed.

        :raises StackError: with its words if it fails.
        """
        try:
            done = subprocess.run(
                ["docker", *arguments],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=WORK_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise StackError(
                f"the Docker engine did not finish `docker {arguments[0]}` within {WORK_SECONDS:.0f} s"
            ) from error
        if done.returncode:
            raise StackError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def labelled(self, kind: str, instance: str) -> list[str]:
        """Return the ids of a market's own "container"s, "volume"s or "network"s."""
        # Images pass their labels on, so a container must bear our name too.
        pods_only = ("--all", "--filter", f"name=^{POD_NAME_PREFIX}")
        everything = pods_only if kind == "container" else ()
        chosen = ("--quiet", "--filter", f"label={MARKET_LABEL}={instance}")
        return self.docker(kind, "ls", *everything, *chosen).split()


def find_or_start(state: State, supervisor: Supervisor) -> Engine:
    """Return the engine to use, started if need be; one that we start ends with the supervisor.

    :raises NoEngine: with the reason and what to do.
    """
    if shutil.which("docker") is None:
        raise NoEngine("the docker client is not installed")
    usual = Engine(host=os.environ.get("DOCKER_HOST"))
    complaint = _complaint_of(usual)
    if complaint is None:
        return usual
    if os.geteuid() != 0:
        raise NoEngine(
            f"the Docker engine does not answer ({complaint}). Start it, and let your user use it: "
            "sudo usermod -aG docker $USER, then log in again"
        )
    if shutil.which("dockerd") is None:
        raise NoEngine("the Docker engine (dockerd) is not installed")
    return _start(state, supervisor)


def _complaint_of(engine: Engine) -> str | None:
    """Return why the engine cannot be used, or None."""
    try:
        done = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            env=engine.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=ASK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {ASK_SECONDS:.0f} s"
    # A client without an engine exits with 0 in some versions: only a version is an answer.
    version = done.stdout.strip()
    return None if done.returncode == 0 and version else done.stderr.strip() or "no version"


def _start(state: State, supervisor: Supervisor) -> Engine:
    started = time.monotonic()
    runtime = private_folder(RUNTIMES / f"market-{state.instance}")
    data = private_folder(state.folder / "docker")
    await_end(runtime / "docker.pid", mark=str(data))
    await_end(runtime / "exec" / "containerd" / "containerd.pid", mark=str(runtime))
    netfilter.remember(RUNTIMES / NETFILTER_NOTES)
    supervisor.at_exit(lambda: _tidy(state, runtime))
    child = supervisor.watch(Child(_program(state, runtime, data), log_folder=state.logs))
    engine = Engine(host=f"unix://{runtime / 'docker.sock'}")
    probe = ["docker", "--host", f"unix://{runtime / 'docker.sock'}", "version"]
    wait_until_ready(child, probe=probe, within_seconds=START_SECONDS)
    seconds = time.monotonic() - started
    say(f"started a Docker engine of our own ({seconds:.1f} s); it stops with the market")
    return engine


def _program(state: State, runtime: Path, data: Path) -> Program:
    namespace = f"market-{state.instance}"
    command: list[str | Path] = ["dockerd", "--log-level", "warn", "--live-restore"]
    command += ["--host", f"unix://{runtime / 'docker.sock'}", "--group", "root"]
    command += ["--data-root", data, "--exec-root", runtime / "exec"]
    command += ["--pidfile", runtime / "docker.pid"]
    command += ["--containerd-namespace", namespace]
    command += ["--containerd-plugins-namespace", f"{namespace}-plugins"]
    # Pods have a network of their own; the default bridge would only be left behind.
    command += ["--bridge", "none"]
    for pool in address_pools(state.instance):
        command += ["--default-address-pool", f"base={pool},size=24"]
    return Program(
        name="dockerd",
        command=command,
        folder=Path("/"),
        environment=dict(os.environ),
        grace_seconds=30.0,
    )


def address_pools(instance: str) -> list[str]:
    """Give the private addresses that pods' networks are taken from, in an order of this market's own.

    An engine takes none that the machine has a route to; two that choose at one moment do not see each other's.
    """
    first, block = divmod(int(instance[:2], 16), 16)
    return [f"172.{16 + (first + more) % 16}.{block * 16}.0/20" for more in range(16)]


def _tidy(state: State, runtime: Path) -> None:
    """After our engine: where no pod lives on, leave the machine as it was found."""
    if pods_live_on(f"market-{state.instance}"):
        return
    shutil.rmtree(runtime, ignore_errors=True)
    # The engine mounts its data on itself and leaves that behind: the folder could not be removed.
    subprocess.run(["umount", state.folder / "docker"], capture_output=True, check=False)
    # Another checkout's engine, or the user's, may need the chains still.
    if not any(shares_network(pid) for pid in pids_with("dockerd")):
        netfilter.restore(RUNTIMES / NETFILTER_NOTES)


def pods_live_on(mark: str) -> bool:
    """Say whether a pod's keeper goes on; that of a removed pod ends by itself, a moment after the removal."""
    deadline = time.monotonic() + KEEPER_SECONDS
    while keepers := pids_with(POD_KEEPER, mark):
        if any(descendants(pid) for pid in keepers) or time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False
