"""The GPU catalogue: what the market knows, whether or not it is on offer."""

from collections.abc import Iterable

from django.db.models import QuerySet, Sum

from core.errors import Invalid
from marketplace.gpu_names import normalize
from marketplace.models import GpuModel, Node


class UnknownGpu(Invalid):
    """No GPU of the catalogue has that name: not the same as sold out."""

    code = "unknown_gpu"


def find(names: Iterable[str]) -> QuerySet[GpuModel]:
    """Select the GPU models that any of the names means, written as people write them."""
    wanted = [normalize(name) for name in names]
    return GpuModel.objects.filter(aliases__overlap=wanted).order_by("short_name", "name")


def resolve(name: str) -> list[GpuModel]:
    """Give the GPU models that a name means.

    :raises UnknownGpu: nothing in the catalogue is called that.
    """
    found = list(find([name]))
    if not found:
        raise UnknownGpu(
            f"No GPU is called {name[:60]!r}.",
            hint=f"The market knows: {', '.join(short_names())}.",
        )
    return found


def unknown(names: Iterable[str]) -> list[str]:
    """List the normalized names that no GPU of the catalogue has."""
    wanted = list(names)
    known = {alias for model in find(wanted) for alias in model.aliases}
    return [name for name in wanted if name not in known]


def sold_out(names: Iterable[str]) -> list[str]:
    """List the short names of GPUs that are meant, listed, and all rented."""
    nodes = Node.objects.listed().filter(gpu_model__in=find(names))
    kinds = nodes.values("gpu_model__short_name").annotate(free=Sum("free_gpu_count"))
    return sorted(kind["gpu_model__short_name"] for kind in kinds if not kind["free"])


def short_names() -> list[str]:
    """List the short names of the catalogue."""
    names = GpuModel.objects.order_by("short_name").distinct("short_name")
    return list(names.values_list("short_name", flat=True))


def full_names() -> list[str]:
    """List every full name of the catalogue, for ``GET /machines``."""
    return list(GpuModel.objects.order_by("name").values_list("name", flat=True))
