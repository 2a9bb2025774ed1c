"""The table of simulated GPUs that the stand-in for nvidia-smi answers from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

NVIDIA_SMI: Final = Path(__file__).with_name("nvidia-smi")
SIMULATED_DRIVER: Final = "570.00.SIM"
SIMULATED_UUID_PREFIX: Final = "GPU-51300000-"
_DEFAULT_NAME = "NVIDIA H100 80GB HBM3"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Product:
    memory_mib: int
    power_watts: int
    compute: str


_PRODUCTS: Final = {
    _DEFAULT_NAME: _Product(memory_mib=81559, power_watts=700, compute="9.0"),
    "NVIDIA H200": _Product(memory_mib=143771, power_watts=700, compute="9.0"),
    "NVIDIA A100-SXM4-80GB": _Product(memory_mib=81920, power_watts=400, compute="8.0"),
    "NVIDIA L40S": _Product(memory_mib=46068, power_watts=350, compute="8.9"),
    "NVIDIA GeForce RTX 4090": _Product(memory_mib=24564, power_watts=450, compute="8.9"),
}
SIMULATED_MODELS: Final = frozenset(_PRODUCTS)


def gpus_tsv(*, model: str = _DEFAULT_NAME, count: int, seed: int) -> str:
    """Describe `count` GPUs of a model; the same seed gives the same UUIDs.

    :raises ValueError: for a model that is not simulated, or too many GPUs.
    """
    product = _PRODUCTS.get(model)
    if product is None:
        raise ValueError(f"{model} is not simulated; choose one of {', '.join(_PRODUCTS)}.")
    if not 1 <= count <= 16 or not 0 <= seed < 1 << 24:
        raise ValueError("A simulated machine has 1 to 16 GPUs, and a seed below 16777216.")
    rows = [_row(model, product, index, count, seed) for index in range(count)]
    return "".join("\t".join(line) + "\n" for line in [list(rows[0]), *(r.values() for r in rows)])


def uuids(table: str) -> tuple[str, ...]:
    """List the UUIDs of a table."""
    return tuple(line.split("\t")[1] for line in table.splitlines()[1:])


def is_simulated(gpu_uuid: str) -> bool:
    """Say whether a GPU's UUID is one of ours."""
    return gpu_uuid.startswith(SIMULATED_UUID_PREFIX)


def install(directory: Path, *, table: str) -> None:
    """Put the stand-in and its table into a directory of this computer, for a PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "gpus.tsv").write_text(table)
    program = directory / "nvidia-smi"
    program.write_bytes(NVIDIA_SMI.read_bytes())
    program.chmod(0o755)


def _row(model: str, product: _Product, index: int, count: int, seed: int) -> dict[str, str]:
    return {
        "index": str(index),
        "uuid": f"{SIMULATED_UUID_PREFIX}0000-4000-8000-{seed:06x}{index:06x}",
        "name": model,
        "memory.total": str(product.memory_mib),
        "memory.used": "4",
        "memory.free": str(product.memory_mib - 4),
        "utilization.gpu": "0",
        "utilization.memory": "0",
        "temperature.gpu": str(31 + index),
        "power.draw": f"{product.power_watts / 10:.2f}",
        "power.limit": f"{product.power_watts:.2f}",
        "pci.bus_id": f"00000000:{16 + index * 8:02X}:00.0",
        "serial": f"SIM{seed:07d}{index:03d}",
        "driver_version": SIMULATED_DRIVER,
        "compute_cap": product.compute,
        "vbios_version": "96.00.00.00.SIM",
        "pcie.link.gen.current": "5",
        "pcie.link.width.current": "16",
        "clocks.sm": "345",
        "clocks.mem": "2619",
        "clocks.max.sm": "1980",
        "persistence_mode": "Enabled",
        "mig.mode.current": "Disabled",
        "ecc.errors.uncorrected.volatile.total": "0",
        "count": str(count),
        "cuda_version": "12.8",
    }
