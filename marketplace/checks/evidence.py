"""What a run found out about a machine. None means that it was not measured, never zero or no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from marketplace.models import GpuAccess


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundGpu:
    """One GPU as nvidia-smi reports it."""

    index: int
    uuid: str
    name: str
    memory_mib: int | None
    simulated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a machine showed; ``limits`` names what the engine can limit, ``root`` that we may act as root.

    ``by_cdi`` are the GPUs that a CDI description names.
    """

    engine_version: str | None
    cgroup_version: str | None
    kernel: str | None
    boot_id: str | None
    cpu_count: int | None
    ram_mib: int | None
    disk_gib: int | None
    gpus: tuple[FoundGpu, ...]
    driver_version: str | None
    cuda_version: Decimal | None
    gpu_access: GpuAccess | None
    by_cdi: frozenset[str] = frozenset()
    disk_total_gib: int | None = None
    engine_root: str | None = None
    limits: Mapping[str, bool] | None = None
    maps_users: bool | None = None
    root: bool | None = None
    firewall: bool | None = None
    power_limit_watts: int | None = None
    interconnect: tuple[str, ...] = ()


class ContactFault(StrEnum):
    """What keeps us from a machine."""

    UNREACHABLE = "unreachable"
    HOST_KEY_CHANGED = "host_key_changed"
    WRONG_KEY = "wrong_key"


@dataclass(frozen=True, slots=True)
class Contact:
    """How the way to the machine went; ``fault`` None means that we were let in."""

    fault: ContactFault | None = None
    expected_key: str = ""
    presented_key: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class GpuTrial:
    """Whether the engine started a container with all GPUs; ``accepted`` None means that it could not be told."""

    accepted: bool | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class PortTrial:
    """Which sampled ports a stranger reached; ``busy`` ones had a listener of somebody else."""

    reached: tuple[int, ...] = ()
    unreached: tuple[int, ...] = ()
    busy: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Speed:
    """Megabits a second over the SSH connection, seen from the machine."""

    download_mbps: float
    upload_mbps: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a stranger finds open: ways to log in, and ports of an engine without protection."""

    login_methods: tuple[str, ...] = ()
    engine_ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Preparation:
    """Whether pods' runtime, image, network and firewall are on the machine."""

    done: bool
    why_not: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What the provider says that the machine is."""

    gpu_model: str
    gpu_count: int
    first_port: int
    last_port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """What this market asks of a machine; ``known_gpus`` maps full names to the usual power in watts.

    ``simulated_gpus`` are the models that may stand in where there is no GPU; none on a real chain.
    """

    min_driver: str
    min_cpu_threads: int
    min_ram_gib: int
    min_disk_gib: int
    min_ports_a_gpu: int
    min_download_mbps: int
    min_upload_mbps: int
    known_gpus: Mapping[str, int | None]
    simulated_gpus: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that the checks judge."""

    claim: Claim
    contact: Contact | None = None
    found: Found | None = None
    gpu_trial: GpuTrial | None = None
    ports: PortTrial | None = None
    speed: Speed | None = None
    exposure: Exposure | None = None
    preparation: Preparation | None = None
    public_key: str = field(default="", repr=False)
    ssh_user: str = "lium"
    state_dir: str = "/var/lib/lium-node"
    held_ports: frozenset[int] = frozenset()
    gpus_elsewhere: tuple[str, ...] = ()
