"""Load the GPU catalogue that comes with the source."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from marketplace.gpu_names import spellings
from marketplace.models import GpuModel

SOURCE: Final = Path(__file__).resolve().parents[1] / "data" / "gpu_models.csv"
UPDATED: Final = [
    "short_name",
    "aliases",
    "memory_mib",
    "memory_bandwidth_gbs",
    "int8_dense_tops",
    "fp16_dense_tflops",
    "power_w",
    "compute_capability",
    "secure_price_usd",
    "spot_price_usd",
]


def load() -> int:
    """Bring the GPU models up to the file, in one statement; give how many it names."""
    models = list(_read())
    GpuModel.objects.bulk_create(
        models, update_conflicts=True, unique_fields=["name"], update_fields=UPDATED
    )
    return len(models)


def _read() -> Iterator[GpuModel]:
    with SOURCE.open(newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            yield _model(row)


def _model(row: dict[str, str]) -> GpuModel:
    name, short_name = row["nvidia_smi_name"], row["short_name"]
    return GpuModel(
        name=name,
        short_name=short_name,
        aliases=spellings(name, short_name),
        memory_mib=int(row["memory_mib"]),
        memory_bandwidth_gbs=_whole(row["memory_bandwidth_gbs"]),
        int8_dense_tops=_whole(row["int8_dense_tops"]),
        fp16_dense_tflops=_whole(row["fp16_dense_tflops"]),
        power_w=_whole(row["power_w"]),
        compute_capability=row["compute_capability"],
        secure_price_usd=Decimal(row["secure_usd_per_hour"]),
        spot_price_usd=Decimal(row["spot_usd_per_hour"]),
    )


def _whole(text: str) -> int | None:
    return int(text) if text else None
