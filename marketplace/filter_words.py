"""Filters in words: what a tag on the page says, and which URL is left once the filter is gone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict

from marketplace.filters import OfferFilters
from marketplace.query import PARAMETERS

PLACE: Final = ("lat", "lon", "max_distance_mile")


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """A filter that is on, as the page shows it."""

    field: str
    label: str
    remove_url: str


def active_filters(filters: OfferFilters, params: QueryDict, *, path: str) -> list[ActiveFilter]:
    """List the filters that are on, in a fixed order."""
    return [
        ActiveFilter(
            field, WORDS[field](getattr(filters, field)), without(params, field, path=path)
        )
        for field in filters.active()
    ]


def without(params: QueryDict, field: str, *, path: str) -> str:
    """Give the address with a filter taken away; the page number goes too."""
    left = params.copy()
    names = [name for name, parameter in PARAMETERS.items() if parameter.target == field]
    for name in (*names, *(PLACE if field == "near" else ()), "page"):
        left.pop(name, None)
    return f"{path}?{left.urlencode()}" if left else path


def _plain(value: Any) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


def _floor(name: str, unit: str = "") -> Callable[[Any], str]:
    return lambda value: f"{name} ≥ {_plain(value)}{f' {unit}' if unit else ''}"


WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "gpu_names": lambda names: f"GPU {' or '.join(names)}",
    "gpus": lambda count: f"{count} GPU{'s' if count > 1 else ''} in the pod",
    "min_gpu_count": lambda count: f"at least {count} GPUs in the machine",
    "max_gpu_count": lambda count: f"at most {count} GPUs in the machine",
    "min_vram_gib": _floor("GPU memory", "GiB"),
    "max_price_usd": lambda price: f"≤ ${_plain(price)} per GPU-hour",
    "country": lambda names: f"in {' or '.join(names)}",
    "tier": lambda tier: f"{tier} only",
    "min_cpus": _floor("CPU threads"),
    "min_ram_gib": _floor("memory", "GiB"),
    "min_disk_gib": _floor("disk", "GiB"),
    "min_download_mbps": _floor("download", "Mbps"),
    "min_upload_mbps": _floor("upload", "Mbps"),
    "min_cuda": _floor("CUDA"),
    "min_ports": _floor("free ports"),
    "nvlink": lambda _: "NVLink",
    "reliable": lambda _: "starts seldom fail",
    "full_power": lambda _: "full GPU power",
    "real_gpus": lambda _: "real GPUs only",
    "docker_in_docker": lambda _: "Docker in Docker",
    "verified_hours": lambda hours: f"proven within {_plain(hours)} h",
    "near": lambda near: f"within {_plain(near.max_miles)} miles",
}
