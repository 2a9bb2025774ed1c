"""Changes to one pod's container; each may be repeated and then finds its work done."""

import shlex
from collections.abc import Mapping, Sequence
from uuid import UUID

from marketplace.machine import Machine, OutcomeUnknown, pack
from rentals.engine.argv import run_argv
from rentals.engine.docker import (
    ACT_SECONDS,
    LOOK_SECONDS,
    MARGIN_SECONDS,
    complaint,
    docker,
)
from rentals.engine.errors import ImageMissing, NameConflict, PodMissing
from rentals.engine.images import Image, image_present
from rentals.engine.observe import look, parse
from rentals.engine.spec import ContainerSpec, GpuAccess, NodeLayout, Observed, container_name

STOP_GRACE_SECONDS = 10

# One round trip: the pod's files, the container, and what became of it.
_CREATE = """\
set -eu
umask 077
name=$1 directory=$2 limit=$3
shift 3
mkdir -p "$directory"
tar -x -f - -C "$directory" --no-same-owner
timeout -k 5 "$limit" docker "$@" >/dev/null
exec timeout -k 5 15 docker container inspect "$name\""""


def create_and_start(
    machine: Machine, *, layout: NodeLayout, spec: ContainerSpec, image: Image | None = None
) -> Observed:
    """Bring a pod into being, or adopt and start the one that is there; ``image`` spares looking for it.

    :raises EngineError: with the reason; what was half made is found again by the next call.
    """
    image = image or image_present(machine, image=spec.image)
    if image is None:
        raise ImageMissing(spec.image)
    try:
        return _create(machine, layout=layout, spec=spec, command=image.command)
    except NameConflict:
        # Another worker was faster, or this is a repeat whose first answer was lost.
        return _adopt(machine, market_id=spec.market_id, pod_id=spec.pod_id)


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


def _create(
    machine: Machine, *, layout: NodeLayout, spec: ContainerSpec, command: Sequence[str]
) -> Observed:
    name, directory = container_name(spec.pod_id), layout.pod_directory(spec.pod_id)
    args = run_argv(spec, layout=layout, command=command)
    argv = ["sh", "-c", _CREATE, "sh", name, directory, str(ACT_SECONDS), *args]
    files = pack(pod_files(spec))
    result = machine.run(argv, timeout=ACT_SECONDS + LOOK_SECONDS + MARGIN_SECONDS, stdin=files)
    if result.exit_status is None:
        why = "The connection was lost"
        raise OutcomeUnknown(where=str(machine), command="docker run", why=why)
    if result.exit_status:
        raise complaint(result)
    return parse(result.stdout)


def _adopt(machine: Machine, *, market_id: str, pod_id: UUID) -> Observed:
    seen = look(machine, market_id=market_id, pod_id=pod_id)
    if seen.running or not seen.exists:
        return seen
    docker(machine, ["start", container_name(pod_id)], timeout=ACT_SECONDS)
    return look(machine, market_id=market_id, pod_id=pod_id)


def _ours(machine: Machine, market_id: str, pod_id: UUID) -> None:
    if not look(machine, market_id=market_id, pod_id=pod_id).exists:
        raise PodMissing(container_name(pod_id))


def _exports(env: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
