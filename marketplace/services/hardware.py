"""Which GPUs a checked machine is on the books with: the ones it showed, or labelled simulated ones."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.conf import settings

from marketplace.checks import Found
from marketplace.models import GpuAccess, GpuModel, Node
from marketplace.selectors.claims import claimed_gpus
from marketplace.simulated import SIMULATED_DRIVER, gpus_tsv, is_simulated, uuids

LOCAL_CHAIN: Final = "local"


@dataclass(frozen=True, slots=True)
class Hardware:
    """The GPUs of a node: one model, by UUID, and how containers get them."""

    model: GpuModel
    uuids: tuple[str, ...]
    access: GpuAccess
    driver: str
    simulated: bool


def may_simulate() -> bool:
    """Say whether this market takes simulated GPUs: only on its own simulated chain."""
    return bool(settings.MARKET_CHAIN == LOCAL_CHAIN)


def hardware_of(node: Node, found: Found) -> Hardware | None:
    """Tell a node's GPUs from what its machine showed; None while that is not what can be rented."""
    if found.gpus:
        return _real(found)
    return _simulated(node) if may_simulate() else None


def _real(found: Found) -> Hardware | None:
    ordered = sorted(found.gpus, key=lambda gpu: gpu.index)
    models = GpuModel.objects.filter(name__in={gpu.name for gpu in ordered})
    if len({gpu.name for gpu in ordered}) > 1 or found.gpu_access is None or not models:
        return None
    simulated = any(is_simulated(gpu.uuid) for gpu in ordered)
    if simulated and not may_simulate():
        return None
    return Hardware(
        model=models[0],
        uuids=tuple(gpu.uuid for gpu in ordered),
        access=found.gpu_access,
        driver=found.driver_version or "",
        simulated=simulated,
    )


def _simulated(node: Node) -> Hardware:
    # The same machine always gets the same GPUs.
    seed = int.from_bytes(sha256(node.host_key.encode()).digest()[:3])
    claimed = claimed_gpus(node)
    table = gpus_tsv(model=claimed.model.name, count=claimed.count, seed=seed)
    return Hardware(
        claimed.model, uuids(table), GpuAccess.SIMULATED, SIMULATED_DRIVER, simulated=True
    )
