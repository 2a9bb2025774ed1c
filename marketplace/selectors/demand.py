"""What renters look for and do not find, as providers read it: who asks is not told."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from marketplace.models import GpuModel, MachineRequest, Node, Provider


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many open requests there are for a GPU."""

    machine_name: str
    open_requests: int


def open_requests(models: Sequence[GpuModel] | None = None) -> QuerySet[MachineRequest]:
    """Select the requests that nobody answered, newest first; ``models`` None means for any GPU."""
    rows = MachineRequest.objects.filter(answered_at=None).order_by("-requested_at")
    return rows if models is None else rows.filter(gpu_model__in=models)


def demand() -> list[Wanted]:
    """Count the open requests by GPU, the most wanted first."""
    rows = open_requests().order_by().values("machine_name").annotate(wanted=Count("pk"))
    ranked = rows.order_by("-wanted", "machine_name")
    return [Wanted(row["machine_name"], row["wanted"]) for row in ranked]


def has_verified_machine(provider: Provider) -> bool:
    """Say whether a machine of the provider's passed its checks; only they read single requests."""
    mine = Node.objects.filter(provider=provider, delisted_at=None)
    return mine.filter(last_verified_at__isnull=False).exists()
