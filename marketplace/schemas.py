"""The shapes of the market in the API; the executor's is written by the database (migration 0002)."""

from typing import Annotated

from ninja import Schema
from pydantic import Field

Positive = Annotated[int, Field(ge=1, le=1024)]


class Location(Schema):
    """Where a machine stands; a key that is not known is absent."""

    country: str | None = None
    country_code: str | None = None
    city: str | None = None


class GpuDetail(Schema):
    """A GPU: its full name and its memory in MiB."""

    name: str
    capacity: int


class GpuSpecs(Schema):
    """The GPUs of a machine."""

    count: int
    driver: str | None = None
    details: list[GpuDetail]


class CpuSpecs(Schema):
    """Threads."""

    count: int | None = None


class RamSpecs(Schema):
    """Memory in KiB."""

    total: int | None = None


class DiskSpecs(Schema):
    """Disk for pods in KiB; ``free`` is the share of the GPUs that are free."""

    total: int | None = None
    free: int | None = None


class Specs(Schema):
    """What a machine has."""

    gpu: GpuSpecs
    cpu: CpuSpecs
    ram: RamSpecs
    hard_disk: DiskSpecs
    sysbox_runtime: bool
    available_port_count: int


class Executor(Schema):
    """A machine on the market. A figure that is not known is absent, never null or zero."""

    id: str
    machine_name: str
    gpu_count: int
    available_gpu_count: int
    min_gpu_count_for_rental: int
    price_per_gpu: float
    tier: str
    status: str
    simulated: bool
    location: Location
    max_cuda_version: float | None = None
    effective_download_speed_mbps: float | None = None
    effective_upload_speed_mbps: float | None = None
    nvlink: bool | None = None
    gpu_power_limited: bool | None = None
    frequent_rent_failures: bool
    reliability_score: float | None = None
    last_verified_at: str | None = None
    specs: Specs


class MachineName(Schema):
    """A GPU that the market knows, by its full name."""

    name: str


class ImageOut(Schema):
    """A container image."""

    docker_image: str
    docker_image_tag: str


class MachineRequestIn(Schema):
    """A wish for machines that are not on offer."""

    machine_name: Annotated[str, Field(min_length=1, max_length=100)]
    gpu_count: Positive | None = None


class MachineRequestOut(Schema):
    """What became of the wish."""

    id: str
    provider_notified_count: int
    confirmation: str
