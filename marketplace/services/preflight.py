"""A first look at a machine over SSH: what it is and what it has. Reads only, changes nothing.

A figure that could not be read is None, never zero.
"""

from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Final

from marketplace.checks import Found, FoundGpu
from marketplace.checks.versions import version
from marketplace.machine import Machine
from marketplace.models import GpuAccess
from marketplace.simulated import is_simulated

LOOK_SECONDS: Final = 60.0
# As long as a boot id.
MAX_VALUE: Final = 36
MAX_GPUS: Final = 64
CDI_SINCE: Final = (28, 2)


def look(machine: Machine, *, state_dir: str) -> Found:
    """Look at a machine.

    :raises MachineError: the machine could not be reached, or the look did not finish.
    """
    script = files("marketplace.services") / "preflight.sh"
    output = machine.check(
        ["sh", "-s", "--", state_dir], timeout=LOOK_SECONDS, stdin=script.read_bytes()
    )
    return read(output.decode("utf-8", "replace"))


def read(output: str) -> Found:
    """Read what the script printed: ``key value`` lines; hostile text only yields unknowns."""
    lines = [_pair(line) for line in output.replace("\x00", "").splitlines()]
    values = {key: value.strip()[:MAX_VALUE] for key, value in lines if value.strip()}
    engine = values.get("engine")
    gpus = tuple(gpu for key, value in lines if key == "gpu" and (gpu := _gpu(value)))[:MAX_GPUS]
    by_cdi = frozenset(value.strip() for key, value in lines if key == "cdi")
    return Found(
        engine_version=engine,
        cgroup_version=values.get("cgroup"),
        kernel=values.get("kernel"),
        boot_id=values.get("boot_id"),
        cpu_count=_whole(values.get("cpus")),
        ram_mib=_whole(values.get("ram_mib")),
        disk_gib=_whole(values.get("disk_gib")),
        gpus=gpus,
        by_cdi=by_cdi & {gpu.uuid for gpu in gpus},
        driver_version=values.get("driver", "")[:30] or None,
        cuda_version=_decimal(values.get("cuda")),
        gpu_access=_gpu_access(engine, gpus, by_cdi, hook="nvidia_hook" in values),
        disk_total_gib=_whole(values.get("disk_total_gib")),
        engine_root=dict(lines).get("engine_root", "").strip()[:200] or None,
        limits=_limits(values),
        maps_users=_said(values.get("maps_users")),
        root=_said(values.get("root")),
        firewall=_said(values.get("firewall")),
        power_limit_watts=_whole(values.get("power", "").partition(".")[0]),
        interconnect=tuple(value[:200] for key, value in lines if key == "topo")[:MAX_GPUS],
    )


def _gpu_access(
    engine: str | None, gpus: tuple[FoundGpu, ...], by_cdi: frozenset[str], *, hook: bool
) -> GpuAccess | None:
    """Choose CDI where it names every GPU: a description made before one was added would fail at a rent."""
    described = bool(gpus) and {gpu.uuid for gpu in gpus} <= by_cdi
    if described and version(engine) >= CDI_SINCE:
        return GpuAccess.CDI
    return GpuAccess.GPUS if hook else None


def _limits(values: dict[str, str]) -> dict[str, bool] | None:
    said = values.get("limits", "").split()
    if len(said) != 3:
        return None
    return dict(
        zip(("memory", "CPU time", "processes"), (word == "true" for word in said), strict=True)
    )


def _said(text: str | None) -> bool | None:
    return {"yes": True, "no": False}.get(text or "")


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(" ")
    return key, value


def _gpu(text: str) -> FoundGpu | None:
    parts = [part.strip() for part in text.split(",")]
    index = _whole(parts[0])
    if len(parts) != 4 or not parts[1].startswith("GPU-") or index is None:
        return None
    return FoundGpu(
        index=index,
        uuid=parts[1][:64],
        name=parts[2][:100],
        memory_mib=_whole(parts[3]),
        simulated=is_simulated(parts[1]),
    )


def _whole(text: str | None) -> int | None:
    # More digits than any machine has memory in MiB.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _decimal(text: str | None) -> Decimal | None:
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value.quantize(Decimal("0.1")) if value.is_finite() and 0 < value < 100 else None
