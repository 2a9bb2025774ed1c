"""Looks at containers without changing them. An answer is evidence; no answer is an exception."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from marketplace.machine import Machine
from rentals.engine.docker import LOOK_SECONDS, attempt, complaint, docker
from rentals.engine.errors import (
    EngineDown,
    ForeignContainer,
    GpuUnavailable,
    PodMissing,
    PodNotRunning,
)
from rentals.engine.spec import (
    MARKET_LABEL,
    NVIDIA_SMI,
    POD_LABEL,
    GpuAccess,
    Observed,
    check_market_id,
    container_name,
    named_pod,
)

_LISTED_GPU = re.compile(r"^GPU \d+: .*\(UUID: ([A-Za-z0-9-]+)\)$", re.MULTILINE)
_NEVER = "0001-01-01"
# Shell alone: a machine may have no awk.
_BOOT = """\
cat /proc/sys/kernel/random/boot_id
while read -r name value rest; do case $name in btime) echo "$value" ;; esac; done </proc/stat"""


def look(machine: Machine, *, market_id: str, pod_id: UUID) -> Observed:
    """See one pod's container.

    :raises ForeignContainer: when the name is taken by something that is not this market's.
    :raises EngineDown, OutcomeUnknown: when nothing can be said.
    """
    args = ["container", "inspect", container_name(pod_id)]
    result = attempt(machine, args, timeout=LOOK_SECONDS)
    if result.exit_status:
        error = complaint(result)
        if isinstance(error, PodMissing):
            return Observed(exists=False)
        raise error
    raw = json.loads(result.stdout)[0]
    labels = raw["Config"]["Labels"] or {}
    if (labels.get(MARKET_LABEL), labels.get(POD_LABEL)) != (market_id, str(pod_id)):
        raise ForeignContainer(container_name(pod_id))
    return _observed(raw)


def list_pods(machine: Machine, *, market_id: str) -> dict[UUID, Observed]:
    """See all containers that bear this market's label, running or not."""
    label = f"label={MARKET_LABEL}={check_market_id(market_id)}"
    ids = docker(
        machine, ["ps", "--all", "--quiet", "--no-trunc", "--filter", label], timeout=LOOK_SECONDS
    )
    if not ids.split():
        return {}
    # One that vanished since makes inspect exit 1; the rest is still printed.
    args = ["container", "inspect", *ids.decode().split()]
    result = attempt(machine, args, timeout=LOOK_SECONDS, max_output=64 << 20)
    if result.exit_status and not isinstance(complaint(result), PodMissing):
        raise complaint(result)
    return {
        pod_id: _observed(row)
        for row in json.loads(result.stdout)
        if (pod_id := named_pod(row["Name"].removeprefix("/"))) is not None
    }


@dataclass(frozen=True, slots=True)
class Boot:
    """One run of a machine, by its kernel."""

    id: str
    at: datetime


def boot(machine: Machine) -> Boot:
    """Tell which run of the machine this is: a container that started before it has ended with the last one.

    :raises MachineError: when nothing can be said.
    """
    boot_id, started = machine.check(["sh", "-c", _BOOT], timeout=LOOK_SECONDS).split()
    return Boot(boot_id.decode("ascii"), datetime.fromtimestamp(int(started), UTC))


def visible_gpus(machine: Machine, *, pod_id: UUID, access: GpuAccess) -> tuple[str, ...]:
    """List the UUIDs of the GPUs that a program inside the pod sees.

    The program is the one that the engine mounts over the image, by its full path: nothing in the image or in its
    PATH takes its place. The stand-in is a script, so our own shell runs it. What it loads is the pod's all the same,
    so its complaint and its exit status are the renter's to choose, and say nothing of the engine.

    :raises GpuUnavailable: when the pod's nvidia-smi cannot tell, or hangs as on a broken GPU.
    :raises EngineDown, PodMissing, PodNotRunning: when the engine says so itself.
    """
    shell = ["/.lium/bin/busybox", "sh"] if access is GpuAccess.SIMULATED else []
    plain = ["--env", "LIUM_SIMULATED=", "--env", "LD_PRELOAD="]
    args = ["exec", *plain, container_name(pod_id), *shell, NVIDIA_SMI, "-L"]
    try:
        result = attempt(machine, args, timeout=LOOK_SECONDS)
    except EngineDown as silence:
        why = silence.detail
    else:
        if result.exit_status == 0:
            return tuple(_LISTED_GPU.findall(result.stdout.decode("utf-8", "replace")))
        why = result.error_text or f"nvidia-smi exited with status {result.exit_status}"
    _require_running(machine, pod_id)
    raise GpuUnavailable(why)


def _require_running(machine: Machine, pod_id: UUID) -> None:
    args = ["container", "inspect", "--format", "{{.State.Running}}", container_name(pod_id)]
    if docker(machine, args, timeout=LOOK_SECONDS).strip() != b"true":
        raise PodNotRunning(container_name(pod_id))


def parse(inspected: bytes) -> Observed:
    """Read what `docker container inspect` prints of one container."""
    return _observed(json.loads(inspected)[0])


def _observed(raw: Mapping[str, Any]) -> Observed:
    state = raw["State"]
    status = state["Status"]
    ended = status in {"exited", "dead"}
    return Observed(
        exists=True,
        running=state["Running"],
        status=status,
        exit_code=state["ExitCode"] if ended else None,
        oom_killed=state["OOMKilled"],
        started_at=_moment(state["StartedAt"]),
        finished_at=_moment(state["FinishedAt"]),
        restart_count=raw["RestartCount"],
        image_digest=raw["Image"],
    )


def _moment(text: str) -> datetime | None:
    """Read docker's RFC 3339 time, which has nanoseconds and year 1 for never."""
    if not text or text.startswith(_NEVER):
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00"))
