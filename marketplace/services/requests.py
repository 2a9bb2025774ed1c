"""Demand that found no machine."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Workspace
from core.errors import Invalid
from marketplace.models import GpuModel, MachineRequest
from marketplace.selectors import resolve


@dataclass(frozen=True, slots=True)
class Requested:
    """A stored wish, and how many providers have such machines listed."""

    request: MachineRequest
    gpu_model: GpuModel
    provider_count: int


def request_machine(
    *, workspace: Workspace, machine_name: str, gpu_count: int, now: datetime
) -> Requested:
    """Store a wish for machines of a kind; the same wish again only becomes newer.

    :raises UnknownGpu: nothing in the catalogue is called that.
    :raises Invalid: the name means several GPU models.
    """
    found = resolve(machine_name)
    if len(found) > 1:
        names = ", ".join(model.name for model in found)
        raise Invalid(f"{machine_name!r} means several GPUs.", hint=f"Name one of: {names}.")
    request, _ = MachineRequest.objects.update_or_create(
        workspace=workspace,
        machine_name=found[0].name,
        gpu_count=gpu_count,
        defaults={"gpu_model": found[0], "requested_at": now},
    )
    nodes = found[0].nodes.filter(delisted_at=None)
    return Requested(request, found[0], nodes.values("provider").distinct().count())
