"""What a rent says and what it is answered."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import BeforeValidator, Field, StringConstraints

from marketplace.filters import OfferFilters
from rentals.api.schemas.common import Count, Floor, LongText, Name, PublicKey, as_list
from rentals.services.selection import Spec

PublicKeys = Annotated[list[PublicKey], BeforeValidator(as_list), Field(max_length=50)]


class RentalIn(Schema):
    """What every rent says; fields of things that this market does not offer have to be empty."""

    pod_name: Name
    user_public_key: PublicKeys
    template_id: UUID | None = None
    dockerfile_content: LongText | None = None
    build_context_sha256: Name | None = None
    volume_id: Name | None = None
    initial_port_count: Annotated[int, Field(ge=1, le=64)] | None = None
    backup_log_id: Name | None = None
    restore_path: Name | None = None
    enable_volume_encryption: bool = Field(
        False,
        description="taken, as the client always asks for it, and not done: the pod's volume_encryption_status says so",
    )
    termination_hours: Annotated[int, Field(ge=1, le=720)] | None = None


class RentIn(RentalIn):
    """A rent of a named node; without ``gpu_count`` all its free GPUs."""

    gpu_count: Count | None = None
    quote_id: UUID | None = Field(None, description="rents at the price that this quote holds")


class RentBySpecIn(RentalIn):
    """A rent of the cheapest node that satisfies a description."""

    gpu_type: Name
    gpu_count: Count = 1
    min_vram_gb: Floor | None = None
    min_cpus: Floor | None = None
    min_ram_gb: Floor | None = None
    min_disk_gb: Floor | None = None
    min_download_mbps: Floor | None = None
    min_ports: Annotated[int, Field(ge=1, le=64)] | None = None
    max_price_per_gpu_hour: Annotated[Decimal, Field(gt=0, le=10_000)] | None = None
    country: Annotated[str, StringConstraints(max_length=2)] | None = None
    docker_in_docker: bool = False
    dry_run: bool = False

    def spec(self) -> Spec:
        """Give the description as the selection reads it."""
        filters = OfferFilters(
            min_vram_gib=self.min_vram_gb,
            min_cpus=self.min_cpus,
            min_ram_gib=self.min_ram_gb,
            min_disk_gib=self.min_disk_gb,
            min_download_mbps=self.min_download_mbps,
            min_ports=self.min_ports,
            max_price_usd=self.max_price_per_gpu_hour,
            country=(self.country.upper(),) if self.country else (),
            docker_in_docker=self.docker_in_docker,
        )
        return Spec(gpu_type=self.gpu_type, gpu_count=self.gpu_count, filters=filters)


class RentOut(Schema):
    """The pod is pending and in every listing."""

    success: bool
    pod_id: UUID


class RentBySpecOut(Schema):
    """The node that was chosen, and the pod; a dry run has none."""

    selected_executor: dict[str, Any]
    gpu_count: int
    price_per_hour: float
    template_id: UUID
    candidates: int
    alternatives_considered: list[dict[str, Any]]
    attempts: int
    dry_run: bool
    pod_id: UUID | None
