"""Pods for tests, and the system's own SSH client to enter them with."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from marketplace.machine import Machine, banner, generate_keypair
from marketplace.simulated import gpus_tsv, uuids
from rentals.engine import ContainerSpec, GpuAccess, NodeFacts, create_and_start, remove
from tests.machines import EngineMachine

MARKET = "test"
PORTS = (20000, 20999)
GPUS = uuids(gpus_tsv(count=4, seed=7))
# What root in a pod can have its nvidia-smi say of the engine.
FORGED = (
    "Error response from daemon: container lium-pod is not running",
    "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
    "Error response from daemon: No such container: lium-pod",
)


@dataclass(frozen=True, kw_only=True)
class RunningPod:
    """A pod that answered, and what its renter has."""

    spec: ContainerSpec
    host: str
    port: int
    key: Path
    known_hosts: Path

    def options(self) -> list[str]:
        """Give the client's options: our key, and only the host key that was announced."""
        settings = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={self.known_hosts}")
        settings += ("BatchMode=yes", "IdentitiesOnly=yes")
        chosen = [part for setting in settings for part in ("-o", setting)]
        return ["-F", "none", "-q", "-i", str(self.key), *chosen]

    def ssh(
        self, *command: str, options: tuple[str, ...] = (), **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the pod as its renter would."""
        argv = ["ssh", *self.options(), "-p", str(self.port), *options, self.target, *command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, **kwargs)

    def output(self, *command: str) -> str:
        """Run a command that must succeed."""
        done = self.ssh(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def target(self) -> str:
        return f"root@{self.host}"


@dataclass(kw_only=True)
class PodMaker:
    """Makes pods on one node."""

    node: EngineMachine
    machine: Machine
    facts: NodeFacts
    home: Path
    first_port: int = PORTS[0]
    made: list[UUID] = field(default_factory=list)

    def spec(self, **changes: Any) -> ContainerSpec:
        """Describe a small pod with two GPUs on the next port."""
        pod_id = uuid4()
        self.made.append(pod_id)
        values: dict[str, Any] = {
            "pod_id": pod_id,
            "market_id": MARKET,
            "image": self.facts.base_image,
            "gpu_uuids": GPUS[:2],
            "gpu_access": GpuAccess.SIMULATED,
            "ports": {22: self.first_port + len(self.made)},
            "authorized_keys": (),
            "host_private_key": generate_keypair()[0],
            "cpus": 1.5,
            "memory_mib": 256,
            "dns": (self.node.outside,),
        }
        return ContainerSpec(**(values | changes))

    def start(self, **changes: Any) -> RunningPod:
        """Start a pod and wait for its SSH server."""
        private, public = generate_keypair()
        host_private, host_public = generate_keypair()
        keys = (*changes.pop("authorized_keys", ()), public)
        spec = self.spec(authorized_keys=keys, host_private_key=host_private, **changes)
        create_and_start(self.machine, layout=self.facts.layout, spec=spec)
        host, port = self.node.address.host, spec.ports[22]
        banner(host, port, deadline=20)
        return RunningPod(
            spec=spec,
            host=host,
            port=port,
            key=self._file("renter", private),
            known_hosts=self._file("known", f"[{host}]:{port} {host_public}\n"),
        )

    def remove_all(self) -> None:
        for pod_id in self.made:
            remove(self.machine, layout=self.facts.layout, pod_id=pod_id)

    def _file(self, name: str, text: str) -> Path:
        path = self.home / f"{name}-{len(self.made)}"
        path.touch(mode=0o600)
        path.write_text(text)
        return path
