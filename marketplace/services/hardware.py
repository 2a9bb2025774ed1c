"""Which GPUs a machine is enrolled with: the ones it showed, or labelled simulated ones."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.conf import settings

from core.errors import Invalid
from marketplace.models import GpuAccess, GpuModel
from marketplace.services.preflight import Found
from marketplace.simulated import SIMULATED_DRIVER, gpus_tsv, is_simulated, uuids

SIMULATED_MODEL: Final = "NVIDIA GeForce RTX 4090"


class Unfit(Invalid):
    """The machine cannot be put on the market as it is."""

    code = "machine_unfit"


@dataclass(frozen=True, slots=True)
class Hardware:
    """The GPUs of a node: one model, by UUID, and how containers get them."""

    model: GpuModel
    uuids: tuple[str, ...]
    access: GpuAccess
    driver: str
    simulated: bool


def hardware_of(found: Found, *, host_key: str, simulated_gpus: int) -> Hardware:
    """Decide what a machine is enrolled with.

    :raises Unfit: no engine, no usable GPU, or simulated ones on a real chain.
    """
    if found.engine_version is None:
        raise Unfit(
            "The container engine does not answer there.",
            hint="Install Docker, start it, and let the user that we log in as use it.",
        )
    if found.gpus:
        return _real(found)
    return _simulated(host_key, simulated_gpus)


def _real(found: Found) -> Hardware:
    names = {gpu.name for gpu in found.gpus}
    if len(names) > 1:
        raise Unfit(
            f"The machine has different GPUs: {', '.join(sorted(names))}.",
            hint="A node is rented as GPUs of one model; split it into machines of one model each.",
        )
    model = GpuModel.objects.filter(name=names.pop()).first()
    if model is None:
        raise Unfit(
            f"{found.gpus[0].name} is not in this market's GPU catalogue.",
            hint="Ask the operator to add it, with its price and memory.",
        )
    if any(is_simulated(gpu.uuid) for gpu in found.gpus):
        _refuse_simulated_on_a_real_chain()
    if found.gpu_access is None:
        raise Unfit(
            "The engine there cannot give GPUs to containers.",
            hint="Install the NVIDIA container toolkit and restart the engine.",
        )
    ordered = sorted(found.gpus, key=lambda gpu: gpu.index)
    return Hardware(
        model=model,
        uuids=tuple(gpu.uuid for gpu in ordered),
        access=found.gpu_access,
        driver=found.driver_version or "",
        simulated=any(is_simulated(gpu.uuid) for gpu in ordered),
    )


def _simulated(host_key: str, count: int) -> Hardware:
    if not count:
        raise Unfit(
            "nvidia-smi shows no GPU there.",
            hint="Install the NVIDIA driver; `nvidia-smi -L` must list the GPUs.",
        )
    _refuse_simulated_on_a_real_chain()
    model = GpuModel.objects.get(name=SIMULATED_MODEL)
    # The same machine always gets the same GPUs.
    seed = int.from_bytes(sha256(host_key.encode()).digest()[:3])
    table = gpus_tsv(model=model.name, count=count, seed=seed)
    return Hardware(model, uuids(table), GpuAccess.SIMULATED, SIMULATED_DRIVER, simulated=True)


def _refuse_simulated_on_a_real_chain() -> None:
    if settings.MARKET_CHAIN != "local":
        raise Unfit(
            "This market is on a real chain and takes no simulated GPUs.",
            hint="Enrol a machine with real GPUs, or set MARKET_CHAIN=local for a trial.",
        )
