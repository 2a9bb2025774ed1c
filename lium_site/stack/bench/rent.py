"""From POST rent to RUNNING in GET /pods, against a bare `docker run` to the SSH banner: same image, same flags.

Both take turns on the local machine of the market that runs here (`./market up`).
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from lium_site.stack.claim import running_in
from lium_site.stack.console import StackError, say
from lium_site.stack.credentials import credentials_of
from lium_site.stack.engine import RUNTIMES, Engine
from lium_site.stack.paths import State, open_state
from lium_site.stack.renter import Renter, SshIdentity, make_identity
from marketplace.machine import generate_keypair
from rentals.engine import ContainerSpec, GpuAccess, NodeLayout, container_name, run_argv
from rentals.engine.pods import pod_files
from rentals.engine.spec import MARKET_LABEL

POLL_SECONDS: Final = 0.05
BANNER_POLL_SECONDS: Final = 0.005
START_SECONDS: Final = 120.0
ROUNDS: Final = 20
RUNTIME_TARGET: Final = "/.lium"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a bare container copies of a pod that the market made."""

    layout: NodeLayout
    image: str
    command: list[str]
    gpu_uuids: tuple[str, ...]
    host: str
    port: int
    cpus: float
    memory_mib: int


def run(arguments: list[str]) -> dict[str, Any]:
    """Take turns n times, after one of each that does not count."""
    parser = argparse.ArgumentParser(prog="./market bench rent")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args(arguments).rounds
    state = open_state()
    running = running_in(state)
    if running is None:
        raise StackError("no market runs here; start one first: ./market up")
    renter = Renter(url=running.url, api_key=credentials_of(state).renter_api_key)
    engine = _engine_of(state)
    identity = make_identity("bench")
    sample = _first_pod(renter, engine, identity)
    _bare(engine, sample, identity)
    ours, reference = [], []
    for number in range(rounds):
        ours.append(_rented(renter, identity))
        reference.append(_bare(engine, sample, identity))
        say(f"{number + 1:3d}  ours {ours[-1]:6.3f} s   bare {reference[-1]:6.3f} s")
    return _outcome(ours, reference)


def _engine_of(state: State) -> Engine:
    """Find the engine that the running market uses: its own, or the one that was there before."""
    own = RUNTIMES / f"market-{state.instance}" / "docker.sock"
    return Engine(host=f"unix://{own}" if own.exists() else os.environ.get("DOCKER_HOST"))


def _outcome(ours: list[float], reference: list[float]) -> dict[str, Any]:
    mine, bare = statistics.median(ours), statistics.median(reference)
    say(f"median: ours {mine:.3f} s, bare docker run {bare:.3f} s, ratio {mine / bare:.2f}")
    return {
        "bench": "rent",
        "ours": round(mine, 4),
        "reference": round(bare, 4),
        "ratio": round(mine / bare, 3),
        "unit": "s",
        "n": len(ours),
        "spread": {"ours": _range(ours), "reference": _range(reference)},
    }


def _range(values: list[float]) -> list[float]:
    return [round(min(values), 4), round(max(values), 4)]


def _rented(renter: Renter, identity: SshIdentity) -> float:
    address, wish = _choose(renter, identity)
    started = time.perf_counter()
    pod = _await_running(renter, _rent(renter, address, wish))
    seconds = time.perf_counter() - started
    _remove(renter, pod["id"])
    return seconds


def _choose(renter: Renter, identity: SshIdentity) -> tuple[str, dict[str, Any]]:
    """Give the address to post to and what to post, so that nothing but the rent is timed."""
    node = min(renter.get("executors"), key=lambda row: row["price_per_gpu"], default=None)
    if node is None:
        raise StackError("no machine is free: GET /api/executors is empty")
    wish = {
        "pod_name": "bench",
        "template_id": renter.get("templates")[0]["id"],
        "user_public_key": [identity.public_line],
        "gpu_count": 1,
    }
    return f"executors/{node['id']}/rent", wish


def _rent(renter: Renter, address: str, wish: dict[str, Any]) -> str:
    answer = renter.post(address, wish, idempotency_key=str(uuid4()))
    return str(answer["pod_id"])


def _await_running(renter: Renter, pod_id: str) -> dict[str, Any]:
    def ready() -> dict[str, Any] | None:
        pod = next((row for row in renter.get("pods") if row["id"] == pod_id), None)
        if pod is None or pod["status"] not in {"PENDING", "RUNNING"}:
            raise StackError(f"the pod did not start: {pod and pod['status']}")
        return pod if pod["status"] == "RUNNING" and pod["ssh_connect_cmd"] else None

    return dict(_until(ready, POLL_SECONDS, "the pod was not RUNNING"))


def _remove(renter: Renter, pod_id: str) -> None:
    renter.delete(f"pods/{pod_id}")

    def gone() -> bool:
        events = renter.get(f"pods/{pod_id}/events")
        return any(event["to_status"] == "REMOVED" for event in events)

    _until(gone, POLL_SECONDS, "the pod was not removed")


def _first_pod(renter: Renter, engine: Engine, identity: SshIdentity) -> Sample:
    """Rent once, look at the container that came of it, and remove it."""
    pod = _await_running(renter, _rent(renter, *_choose(renter, identity)))
    try:
        return _sample_of(engine, UUID(pod["id"]))
    finally:
        _remove(renter, pod["id"])


def _sample_of(engine: Engine, pod_id: UUID) -> Sample:
    raw = json.loads(engine.docker("container", "inspect", container_name(pod_id)))[0]
    host_config = raw["HostConfig"]
    runtime = next(m["Source"] for m in raw["Mounts"] if m["Destination"] == RUNTIME_TARGET)
    binding = host_config["PortBindings"]["22/tcp"][0]
    layout = NodeLayout(
        market_id=raw["Config"]["Labels"][MARKET_LABEL],
        directory=str(Path(runtime).parents[1]),
        runtime=Path(runtime).name,
    )
    gpus = (Path(layout.pod_directory(pod_id)) / "gpus").read_text().split()
    return Sample(
        layout=layout,
        image=raw["Config"]["Image"],
        command=raw["Config"]["Cmd"] or [],
        gpu_uuids=tuple(gpus),
        host=binding["HostIp"],
        port=int(binding["HostPort"]),
        cpus=host_config["NanoCpus"] / 1e9,
        memory_mib=host_config["Memory"] >> 20,
    )


def _bare(engine: Engine, sample: Sample, identity: SshIdentity) -> float:
    spec = ContainerSpec(
        pod_id=uuid4(),
        market_id="bench",
        image=sample.image,
        gpu_uuids=sample.gpu_uuids,
        gpu_access=GpuAccess.SIMULATED,
        ports={22: sample.port},
        authorized_keys=(identity.public_line,),
        host_private_key=generate_keypair()[0],
        bind_address=sample.host,
        cpus=sample.cpus,
        memory_mib=sample.memory_mib,
        shm_mib=max(64, sample.memory_mib // 2),
    )
    folder = Path(sample.layout.pod_directory(spec.pod_id))
    _write(folder, pod_files(spec))
    argv = ["docker", *run_argv(spec, layout=sample.layout, command=sample.command)]
    try:
        started = time.perf_counter()
        subprocess.run(argv, env=engine.environment, check=True, capture_output=True)
        _until(lambda: _banner(sample), BANNER_POLL_SECONDS, "no SSH banner came")
        return time.perf_counter() - started
    finally:
        engine.docker("rm", "--force", "--volumes", container_name(spec.pod_id))
        shutil.rmtree(folder)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(mode=0o700)
    for name, data in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(data)


def _banner(sample: Sample) -> bool:
    try:
        with socket.create_connection((sample.host, sample.port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _until(ask: Callable[[], Any], pause: float, complaint: str) -> Any:
    deadline = time.monotonic() + START_SECONDS
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise StackError(f"{complaint} within {START_SECONDS:.0f} s")
        time.sleep(pause)
    return answer
