"""What to run, in values that cannot turn into flags or shell text."""

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from marketplace import containers

SSH_PORT: Final = 22
POD_LABEL: Final = containers.POD_LABEL
MARKET_LABEL: Final = containers.MARKET_LABEL
# Where engines mount it in a container, and we its stand-in.
NVIDIA_SMI: Final = "/usr/bin/nvidia-smi"

_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9-]+)*(?::[0-9]{1,5})?"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_NAME}(?:/{_NAME})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
    r"(?:@sha256:[0-9a-f]{64})?"
)
_GPU = re.compile(r"(?:GPU|MIG)-[0-9a-fA-F-]{8,64}")
_MARKET = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_VOLUME = re.compile(r"[a-z0-9][a-z0-9_.-]{1,62}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KEY = re.compile(r"(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [^\r\n]*)?")
# They change what other programs load, which devices a hook opens, or how our init reads on.
_ENV_REFUSED = re.compile(
    r"LD_.*|NVIDIA_VISIBLE_DEVICES|NVIDIA_DRIVER_CAPABILITIES|GCONV_PATH|OPTIND"
)
# What docker's own comma-separated syntax cannot hold stays out.
_DIRECTORY = re.compile(r"/[^,\"\x00-\x1f]+")
POD_NAME_PREFIX: Final = "lium-pod-"
_POD_NAME = re.compile(POD_NAME_PREFIX + r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_OUR_PATHS = ("/.lium", "/proc", "/sys", "/dev", "/run/docker.sock", "/var/run/docker.sock")


class GpuAccess(StrEnum):
    """How a machine hands its GPUs to a container."""

    SIMULATED = "simulated"
    CDI = "cdi"
    GPUS = "gpus"


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A named volume of the engine and where the pod sees it; it outlives the pod."""

    name: str
    target: str

    def __post_init__(self) -> None:
        _require(_VOLUME, self.name, "volume name")
        check_mount_target(self.target)


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeLayout:
    """Where our things are on a machine."""

    market_id: str
    directory: str
    runtime: str

    def __post_init__(self) -> None:
        check_market_id(self.market_id)
        _require(_DIRECTORY, self.directory, "directory")
        _require(re.compile(r"[0-9a-f]{12,64}"), self.runtime, "runtime version")

    @property
    def network(self) -> str:
        """Name the engine network that all pods of this market join."""
        return f"lium-{self.market_id}"

    @property
    def bridge(self) -> str:
        """Name the network's bridge; interface names have at most 15 characters."""
        return f"lm-{hashlib.sha256(self.market_id.encode()).hexdigest()[:10]}"

    @property
    def runtime_directory(self) -> str:
        """Locate the unpacked runtime."""
        return f"{self.directory}/runtime/{self.runtime}"

    @property
    def simulated_directory(self) -> str:
        """Locate the nvidia-smi stand-in and its table."""
        return containers.simulated_directory(self.directory)

    def pod_directory(self, pod_id: UUID) -> str:
        """Locate the files of one pod."""
        return f"{self.directory}/pods/{pod_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSpec:
    """Everything that a pod is made of. Sizes are MiB; ports are container port to node port."""

    pod_id: UUID
    market_id: str
    image: str
    gpu_uuids: tuple[str, ...]
    gpu_access: GpuAccess
    ports: Mapping[int, int]
    authorized_keys: tuple[str, ...]
    host_private_key: str = field(repr=False)
    bind_address: str = "0.0.0.0"  # noqa: S104  # a published port is meant to be reached
    cpus: float
    memory_mib: int
    shm_mib: int = 64
    pids: int = 4096
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    startup_command: str | None = None
    volumes: tuple[Volume, ...] = ()
    dns: tuple[str, ...] = ("1.1.1.1", "9.9.9.9")

    def __post_init__(self) -> None:
        check_market_id(self.market_id)
        check_image(self.image)
        for uuid in self.gpu_uuids:
            _require(_GPU, uuid, "GPU UUID")
        for key in self.authorized_keys:
            _require(_KEY, key, "public key")
        for address in (self.bind_address, *self.dns):
            ipaddress.ip_address(address)
        check_env(self.env)
        _check_sizes(self)
        _check_ports(self.ports)


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One look at a pod's container; None means unknown."""

    exists: bool
    running: bool | None = None
    status: str | None = None
    exit_code: int | None = None
    oom_killed: bool | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    restart_count: int | None = None
    image_digest: str | None = None


def container_name(pod_id: UUID) -> str:
    """Name a pod's container: the name is the idempotency key of its creation."""
    return f"{POD_NAME_PREFIX}{pod_id}"


def named_pod(name: str) -> UUID | None:
    """Read the pod's id from its container's name; None for other names: images pass on labels."""
    match = _POD_NAME.fullmatch(name)
    return UUID(match[1]) if match else None


def check_image(image: str) -> str:
    """Accept an image reference and nothing else.

    :raises ValueError: when it is not one.
    """
    if len(image) > 512:
        raise ValueError("An image reference has at most 512 characters.")
    return _require(_IMAGE, image, "image reference")


def check_market_id(market_id: str) -> str:
    """Accept a market's label value.

    :raises ValueError: when it is not one.
    """
    return _require(_MARKET, market_id, "market id")


def check_env(env: Mapping[str, str]) -> None:
    """Accept environment variables that cannot change loaders or device hooks.

    :raises ValueError: naming the first that is refused.
    """
    for name, value in env.items():
        _require(_ENV_NAME, name, "environment variable name")
        if _ENV_REFUSED.fullmatch(name):
            raise ValueError(f"The environment variable {name} cannot be set; choose another name.")
        if "\0" in value:
            raise ValueError(f"The environment variable {name} contains a NUL byte; remove it.")


def check_mount_target(path: str) -> str:
    """Accept an absolute, plain path that hides nothing of the system.

    :raises ValueError: when it is not one.
    """
    plain = re.fullmatch(r"(?:/[A-Za-z0-9_.@+-]+)+", path)
    hides = any(path == ours or path.startswith(f"{ours}/") for ours in _OUR_PATHS)
    if not plain or hides or ".." in path.split("/"):
        raise ValueError(f"The path {path!r} cannot be used for a mount; use one like /workspace.")
    return path


def _check_sizes(spec: ContainerSpec) -> None:
    if min(spec.cpus, spec.memory_mib, spec.shm_mib, spec.pids) <= 0:
        raise ValueError("CPUs, memory, shared memory and process limit are above zero.")


def _check_ports(ports: Mapping[int, int]) -> None:
    numbers = [*ports.keys(), *ports.values()]
    if SSH_PORT not in ports or any(not 1 <= number <= 65535 for number in numbers):
        raise ValueError("Ports lie between 1 and 65535, and port 22 is always published.")
    if len(set(ports.values())) != len(ports):
        raise ValueError("Each published port is used once.")


def _require(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not a valid {what}.")
    return value
