"""What this market checks on a machine, in order: one list for wizard, sweep, provider and operator.

Everything here is judgement of what was measured; nothing reaches for a machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from marketplace.checks.access import judge_contact, judge_key, listed_already
from marketplace.checks.capacity import judge_disk, judge_memory
from marketplace.checks.engine import judge_engine, judge_isolation, judge_limits
from marketplace.checks.evidence import (
    Claim,
    Contact,
    ContactFault,
    Evidence,
    Exposure,
    Found,
    FoundGpu,
    GpuTrial,
    PortTrial,
    Preparation,
    Requirements,
    Speed,
)
from marketplace.checks.gpus import (
    judge_driver,
    judge_gpu_access,
    judge_gpus,
    judge_interconnect,
    judge_power,
)
from marketplace.checks.install_key import install_command
from marketplace.checks.network import judge_exposure, judge_ports, judge_speed
from marketplace.checks.readiness import judge_preparation
from marketplace.checks.verdict import Verdict, skipped, unknown


@dataclass(frozen=True, slots=True)
class Check:
    """One check; it is tried once all in ``needs`` passed, and ``blocks`` a listing until it passes."""

    id: str
    title: str
    why: str
    judge: Callable[[Evidence, Requirements], Verdict]
    needs: tuple[str, ...] = ()
    blocks: bool = True


CHECKS: Final = (
    Check("contact", "Reachable", "All that we do there goes through SSH.", judge_contact),
    Check(
        "key",
        "Our key",
        "We log in with a key of our own, never a password.",
        judge_key,
        ("contact",),
    ),
    Check("engine", "Container engine", "Pods are containers.", judge_engine, ("key",)),
    Check(
        "limits",
        "Limits on pods",
        "A pod must not take what its neighbours rent.",
        judge_limits,
        ("engine",),
    ),
    Check(
        "gpus",
        "GPUs",
        "Renters pay for GPUs by model and number, and get them by UUID.",
        judge_gpus,
        ("key",),
    ),
    Check(
        "driver", "GPU driver", "CUDA in a pod is as new as the driver.", judge_driver, ("gpus",)
    ),
    Check(
        "gpu_access",
        "GPUs in containers",
        "A pod must get its own GPUs, and no others.",
        judge_gpu_access,
        ("engine", "gpus"),
    ),
    Check("memory", "CPU and memory", "Data loaders run beside the GPUs.", judge_memory, ("key",)),
    Check(
        "disk", "Disk for pods", "Images and models take tens of gigabytes.", judge_disk, ("key",)
    ),
    Check(
        "isolation",
        "Isolation",
        "Pods must not reach your network, metadata services, or each other.",
        judge_isolation,
        ("engine",),
    ),
    Check("ports", "Ports", "Renters reach their pods by these ports.", judge_ports, ("key",)),
    Check(
        "speed",
        "Network speed",
        "Images and data come over the network before work begins.",
        judge_speed,
        ("key",),
    ),
    Check(
        "exposure",
        "Closed to strangers",
        "A machine that others enter is a danger to renters.",
        judge_exposure,
        ("contact",),
    ),
    Check(
        "interconnect",
        "GPU interconnect",
        "Renters of several GPUs choose by it.",
        judge_interconnect,
        ("gpus",),
        blocks=False,
    ),
    Check(
        "power",
        "GPU power",
        "A limited GPU is slower than its model.",
        judge_power,
        ("gpus",),
        blocks=False,
    ),
    Check(
        "preparation",
        "Ready for pods",
        "So that the first pod starts as fast as every other.",
        judge_preparation,
    ),
)
BY_ID: Final = MappingProxyType({check.id: check for check in CHECKS})


def judge(check_id: str, evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge one check on what was found.

    :raises KeyError: there is no such check.
    """
    return BY_ID[check_id].judge(evidence, requirements)


__all__ = [
    "BY_ID",
    "CHECKS",
    "Check",
    "Claim",
    "Contact",
    "ContactFault",
    "Evidence",
    "Exposure",
    "Found",
    "FoundGpu",
    "GpuTrial",
    "PortTrial",
    "Preparation",
    "Requirements",
    "Speed",
    "Verdict",
    "install_command",
    "judge",
    "listed_already",
    "skipped",
    "unknown",
]
