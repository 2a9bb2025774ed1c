"""Changes to one pod's container; each may be repeated and then finds its work done."""

import shlex
from collections.abc import Mapping
from uuid import UUID

from marketplace.machine import Machine
from rentals.engine.argv import run_argv
from rentals.engine.docker import ACT_SECONDS, docker
from rentals.engine.errors import ImageMissing, NameConflict, PodMissing
from rentals.engine.images import image_present
from rentals.engine.observe import look
from rentals.engine.spec import ContainerSpec, GpuAccess, NodeLayout, Observed, container_name

STOP_GRACE_SECONDS = 10


def create_and_start(machine: Machine, *, layout: NodeLayout, spec: ContainerSpec) -> Observed:
    """Bring a pod into being, or adopt and start the one that is there.

    :raises EngineError: with the reason; what was half made is found again by the next call.
    """
    seen = look(machine, market_id=spec.market_id, pod_id=spec.pod_id)
    if not seen.exists:
        _create(machine, layout=layout, spec=spec)
    elif not seen.running:
        docker(machine, ["start", container_name(spec.pod_id)], timeout=ACT_SECONDS)
    else:
        return seen
    return look(machine, market_id=spec.market_id, pod_id=spec.pod_id)


def start(machine: Machine, *, market_id: str, pod_id: UUID) -> None:
    """Start a stopped pod.

    :raises PodMissing: when its container is gone.
    """
    _ours(machine, market_id, pod_id)
    docker(machine, ["start", container_name(pod_id)], timeout=ACT_SECONDS)


def stop(machine: Machine, *, market_id: str, pod_id: UUID) -> None:
    """Stop a pod and keep its data."""
    _ours(machine, market_id, pod_id)
    args = ["stop", "--time", str(STOP_GRACE_SECONDS), container_name(pod_id)]
    docker(machine, args, timeout=ACT_SECONDS)


def restart(machine: Machine, *, market_id: str, pod_id: UUID) -> None:
    """Stop a pod and start it again; its data and host key stay."""
    _ours(machine, market_id, pod_id)
    args = ["restart", "--time", str(STOP_GRACE_SECONDS), container_name(pod_id)]
    docker(machine, args, timeout=ACT_SECONDS)


def remove(machine: Machine, *, layout: NodeLayout, pod_id: UUID) -> None:
    """Remove a pod's container, its data and its files; named volumes stay."""
    if look(machine, market_id=layout.market_id, pod_id=pod_id).exists:
        args = ["rm", "--force", "--volumes", container_name(pod_id)]
        docker(machine, args, timeout=ACT_SECONDS)
    machine.check(["rm", "-rf", "--", layout.pod_directory(pod_id)], timeout=ACT_SECONDS)


def pod_files(spec: ContainerSpec) -> dict[str, bytes]:
    """Give the files that a pod reads at start; secrets travel here, never in its arguments."""
    files = {
        "authorized_keys": "".join(f"{key}\n" for key in spec.authorized_keys),
        "host_key": spec.host_private_key,
        "env": _exports(spec.env),
    }
    if spec.startup_command is not None:
        files["startup"] = spec.startup_command
    if spec.gpu_access is GpuAccess.SIMULATED:
        files["gpus"] = "".join(f"{uuid}\n" for uuid in spec.gpu_uuids)
    return {name: text.encode() for name, text in files.items()}


def _create(machine: Machine, *, layout: NodeLayout, spec: ContainerSpec) -> None:
    image = image_present(machine, image=spec.image)
    if image is None:
        raise ImageMissing(spec.image)
    machine.put_all(layout.pod_directory(spec.pod_id), pod_files(spec))
    args = run_argv(spec, layout=layout, command=image.command)
    try:
        docker(machine, args, timeout=ACT_SECONDS)
    except NameConflict:
        # Another worker was faster, or this is a repeat whose first answer was lost.
        docker(machine, ["start", container_name(spec.pod_id)], timeout=ACT_SECONDS)


def _ours(machine: Machine, market_id: str, pod_id: UUID) -> None:
    if not look(machine, market_id=market_id, pod_id=pod_id).exists:
        raise PodMissing(container_name(pod_id))


def _exports(env: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
