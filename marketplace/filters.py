"""What a renter looks for: one definition of each filter, its parameters, its words and its SQL.

The page, ``GET /executors`` and rent-by-spec share it. A figure that a node does not report fails a floor on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

MILES_RADIUS: Final = 3958.8


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of SQL over ``marketplace_node`` with its parameters."""

    sql: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Near:
    """A place, and how far from it in miles; None is any distance (for sorting)."""

    latitude: float
    longitude: float
    max_miles: float | None = None

    def distance(self) -> Clause:
        """Give the great-circle distance of a node in miles; unknown where its place is."""
        return Clause(
            f"2 * {MILES_RADIUS} * asin(least(1, sqrt("
            "power(sin(radians(marketplace_node.latitude - %s) / 2), 2)"
            " + cos(radians(%s)) * cos(radians(marketplace_node.latitude))"
            " * power(sin(radians(marketplace_node.longitude - %s) / 2), 2))))",
            (self.latitude, self.latitude, self.longitude),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferFilters:
    """The wishes; None, empty or False means no wish. ``gpu_names`` are normalized (gpu_names.py)."""

    gpu_names: tuple[str, ...] = ()
    gpus: int | None = None
    min_gpu_count: int | None = None
    max_gpu_count: int | None = None
    min_vram_gib: float | None = None
    max_price_usd: Decimal | None = None
    country: tuple[str, ...] = ()
    tier: str = ""
    min_cpus: float | None = None
    min_ram_gib: float | None = None
    min_disk_gib: float | None = None
    min_download_mbps: float | None = None
    min_upload_mbps: float | None = None
    min_cuda: Decimal | None = None
    min_ports: int | None = None
    nvlink: bool = False
    reliable: bool = False
    full_power: bool = False
    real_gpus: bool = False
    docker_in_docker: bool = False
    verified_hours: float | None = None
    near: Near | None = None

    def active(self) -> dict[str, Clause]:
        """Give the conditions that are asked for, by filter."""
        wishes = ((name, getattr(self, name)) for name in CONDITIONS)
        return {
            name: CONDITIONS[name](value, self)
            for name, value in wishes
            if value not in (None, (), "", False) and not _any_distance(value)
        }


Condition = Callable[[Any, OfferFilters], Clause]


def _fixed(sql: str) -> Condition:
    return lambda value, filters: Clause(sql)


def _compare(sql: str) -> Condition:
    return lambda value, filters: Clause(sql, (value,))


def _per_pod(figure: str) -> Condition:
    """A floor on the pod's share of the machine where a pod size is asked for, else on the machine.

    ``figure`` has room for its product with a size: a machine may say anything of itself.
    """

    def condition(value: Any, filters: OfferFilters) -> Clause:
        if filters.gpus is None:
            return Clause(f"{figure} >= %s", (value,))
        return Clause(f"{figure} * %s >= %s * marketplace_node.gpu_count", (filters.gpus, value))

    return condition


def _any_distance(value: Any) -> bool:
    return isinstance(value, Near) and value.max_miles is None


def _within(near: Near, filters: OfferFilters) -> Clause:
    distance = near.distance()
    return Clause(f"{distance.sql} <= %s", (*distance.params, near.max_miles))


OF_MODEL: Final = "marketplace_node.gpu_model_id IN (SELECT id FROM marketplace_gpumodel WHERE {})"
CONDITIONS: Final[dict[str, Condition]] = {
    "gpu_names": lambda names, _: Clause(
        OF_MODEL.format("aliases && %s::varchar[]"), (list(names),)
    ),
    "gpus": lambda size, _: Clause(
        "marketplace_node.min_gpu_count <= %s AND marketplace_node.free_gpu_count >= %s",
        (size, size),
    ),
    "min_gpu_count": _compare("marketplace_node.gpu_count >= %s"),
    "max_gpu_count": _compare("marketplace_node.gpu_count <= %s"),
    # As the client shows it: 81,559 MiB is an 80 GB card.
    "min_vram_gib": _compare(OF_MODEL.format("round(memory_mib / 1024.0) >= %s")),
    "max_price_usd": _compare("marketplace_node.price_per_gpu_usd <= %s"),
    "country": lambda words, _: Clause(
        "EXISTS (SELECT FROM unnest(%s::text[]) word WHERE upper(word) = marketplace_node.country_code"
        " OR (length(word) > 2 AND starts_with(lower(marketplace_node.country), lower(word))))",
        (list(words),),
    ),
    "tier": _compare("marketplace_node.tier = %s"),
    "min_cpus": _per_pod("marketplace_node.cpu_count::bigint"),
    "min_ram_gib": _per_pod("marketplace_node.ram_mib / 1024.0"),
    "min_disk_gib": _per_pod("marketplace_node.disk_gib::bigint"),
    "min_download_mbps": _compare("marketplace_node.download_mbps >= %s"),
    "min_upload_mbps": _compare("marketplace_node.upload_mbps >= %s"),
    "min_cuda": _compare("marketplace_node.cuda_version >= %s"),
    "min_ports": _compare("marketplace_node.free_port_count >= %s"),
    "nvlink": _fixed("marketplace_node.nvlink"),
    "reliable": _fixed(
        "NOT marketplace_often_fails(marketplace_node.starts_proven, marketplace_node.starts_failed)"
    ),
    "full_power": _fixed("NOT marketplace_node.power_limited"),
    "real_gpus": _fixed("NOT marketplace_node.simulated"),
    # No node offers it: a container that runs an engine of its own is not isolated enough here.
    "docker_in_docker": _fixed("FALSE"),
    "verified_hours": _compare(
        "marketplace_node.last_verified_at >= now() - make_interval(secs => %s * 3600.0)"
    ),
    "near": _within,
}

SORTS: Final[dict[str, tuple[str, ...]]] = {
    "price": ("marketplace_node.price_per_gpu_usd",),
    "gpu": (
        "(SELECT short_name FROM marketplace_gpumodel WHERE id = marketplace_node.gpu_model_id)",
        "marketplace_node.gpu_count",
    ),
    "vram": (
        "(SELECT memory_mib FROM marketplace_gpumodel WHERE id = marketplace_node.gpu_model_id)",
    ),
    "download": ("marketplace_node.download_mbps",),
    "upload": ("marketplace_node.upload_mbps",),
    "reliability": (
        "marketplace_reliability(marketplace_node.starts_proven, marketplace_node.starts_failed)",
        "marketplace_node.starts_proven",
    ),
    "verified": ("marketplace_node.last_verified_at",),
    "newest": ("marketplace_node.created_at",),
    "distance": (),
}
DEFAULT_SORT: Final = "price"


@dataclass(frozen=True, slots=True)
class Order:
    """A sort key and its direction; ties go to the cheaper, then to the older node, so pages never overlap."""

    by: str = DEFAULT_SORT
    descending: bool = False

    def keys(self, filters: OfferFilters) -> list[tuple[Clause, bool]]:
        """Give the expressions to sort by, each with whether it descends."""
        wanted = [(Clause(sql), self.descending) for sql in SORTS[self.by]]
        if self.by == "distance" and filters.near:
            wanted = [(filters.near.distance(), self.descending)]
        if self.by != DEFAULT_SORT:
            wanted.append((Clause("marketplace_node.price_per_gpu_usd"), False))
        return [*wanted, (Clause("marketplace_node.id"), False)]
