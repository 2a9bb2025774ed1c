"""What pods and GPUs use right now."""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from marketplace.machine import Machine
from rentals.engine.docker import LOOK_SECONDS, MARGIN_SECONDS, complaint
from rentals.engine.spec import MARKET_LABEL, check_market_id, named_pod

# docker samples twice, a second apart: one call for all pods. Without ids it would show everyone's.
_ALL: Final = """\
ids=$(docker ps --quiet --filter "label=$1") || exit
[ -n "$ids" ] || exit 0
exec docker stats --no-stream --no-trunc --format '{{json .}}' $ids"""
_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_GPU_FIELDS: Final = "uuid,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw"


@dataclass(frozen=True, kw_only=True, slots=True)
class PodUsage:
    """One sample of a pod; CPU percent is of one core; None means unknown."""

    cpu_percent: float | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    received_bytes: int | None
    sent_bytes: int | None
    processes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuUsage:
    """One sample of a GPU; None means unknown."""

    utilization_percent: float | None
    memory_used_mib: float | None
    memory_total_mib: float | None
    temperature_celsius: float | None
    power_watts: float | None


def stats(machine: Machine, *, market_id: str) -> dict[UUID, PodUsage]:
    """Sample all running pods of this market on the machine; takes about two seconds."""
    label = f"{MARKET_LABEL}={check_market_id(market_id)}"
    argv = ["timeout", "-k", "5", str(LOOK_SECONDS), "sh", "-c", _ALL, "sh", label]
    result = machine.run(argv, timeout=LOOK_SECONDS + MARGIN_SECONDS)
    if result.exit_status:
        raise complaint(result)
    rows = (json.loads(line) for line in result.stdout.splitlines())
    return {
        pod_id: _pod_usage(row) for row in rows if (pod_id := named_pod(row["Name"])) is not None
    }


def gpu_stats(machine: Machine, *, program: str = "nvidia-smi") -> dict[str, GpuUsage]:
    """Sample all GPUs of the machine, by UUID; ``program`` names the stand-in of simulated ones."""
    argv = [program, f"--query-gpu={_GPU_FIELDS}", "--format=csv,noheader,nounits"]
    text = machine.check(["timeout", "-k", "5", "10", *argv], timeout=20).decode()
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return {row[0]: _gpu_usage(row[1:]) for row in rows}


def _pod_usage(row: Mapping[str, str]) -> PodUsage:
    used, _, limit = row["MemUsage"].partition("/")
    received, _, sent = row["NetIO"].partition("/")
    return PodUsage(
        cpu_percent=_number(row["CPUPerc"].rstrip("%")),
        memory_bytes=_bytes(used),
        memory_limit_bytes=_bytes(limit),
        received_bytes=_bytes(received),
        sent_bytes=_bytes(sent),
        processes=int(row["PIDs"]) if row["PIDs"].isdigit() else None,
    )


def _gpu_usage(values: list[str]) -> GpuUsage:
    utilization, used, total, temperature, power = (_number(value) for value in values)
    return GpuUsage(
        utilization_percent=utilization,
        memory_used_mib=used,
        memory_total_mib=total,
        temperature_celsius=temperature,
        power_watts=power,
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None  # "[N/A]", "--"


def _bytes(text: str) -> int | None:
    match = re.fullmatch(r"([0-9.]+)([kmgt]?)(i?)b", text.strip().lower())
    if match is None:
        return None
    number, unit, binary = match.groups()
    return round(float(number) * (_BINARY[unit] if binary else _UNITS[unit]))
