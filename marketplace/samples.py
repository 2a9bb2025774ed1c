"""Illustrations for the first page of a trial market; never stored, counted, priced or in the API."""

from typing import Final
from uuid import UUID

from django.conf import settings

from marketplace.models import GpuAccess, GpuModel, Node

FEW: Final = 6
# GPU, GPUs, threads, MiB of memory, GiB of disk, country, city
KINDS: Final = (
    ("NVIDIA H100 80GB HBM3", 8, 192, 2_063_000, 15_000, "FI", "Helsinki"),
    ("NVIDIA H200", 8, 224, 2_063_000, 28_000, "US", "Ashburn"),
    ("NVIDIA A100-SXM4-80GB", 4, 96, 1_031_000, 7_000, "DE", "Frankfurt"),
    ("NVIDIA L40S", 4, 64, 515_000, 3_500, "NL", "Amsterdam"),
    ("NVIDIA GeForce RTX 4090", 2, 32, 257_000, 1_800, "PL", "Warsaw"),
)


def sample_nodes(*, real_count: int) -> list[Node]:
    """Give unsaved nodes to show beside fewer than a handful of real ones; none on a real chain."""
    wanted = settings.MARKET_SAMPLES and settings.MARKET_CHAIN == "local"
    if not wanted or real_count >= FEW:
        return []
    models = {model.name: model for model in GpuModel.objects.filter(name__in=_names())}
    return [_node(index, models[kind[0]]) for index, kind in enumerate(KINDS) if kind[0] in models]


def _names() -> list[str]:
    return [kind[0] for kind in KINDS]


def _node(index: int, model: GpuModel) -> Node:
    _, gpu_count, cpu_count, ram_mib, disk_gib, country_code, city = KINDS[index]
    return Node(
        public_id=UUID(int=index + 1),
        gpu_model=model,
        gpu_count=gpu_count,
        free_gpu_count=gpu_count,
        gpu_access=GpuAccess.SIMULATED,
        simulated=True,
        price_per_gpu_usd=model.secure_price_usd or 1,
        cpu_count=cpu_count,
        ram_mib=ram_mib,
        disk_gib=disk_gib,
        country_code=country_code,
        city=city,
    )
