"""Makes a machine ready for pods; may be repeated at any time, and costs little then."""

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from marketplace.machine import CommandFailed, Machine, NotUnderstood
from marketplace.simulated import NVIDIA_SMI
from rentals.engine.docker import ACT_SECONDS, LOOK_SECONDS, docker
from rentals.engine.errors import EngineDown, EngineError, NodeUnfit
from rentals.engine.images import image_present
from rentals.engine.spec import MARKET_LABEL, GpuAccess, NodeLayout
from rentals.runtime import REPOSITORY, BaseImage, RuntimeBundle

COPY_SECONDS = 600
CONFIGURE_SECONDS = 300
OLDEST_ENGINE = (20, 10)
CDI_ENGINE = (28, 2)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
IMAGE_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_DIRECTORIES = """\
umask 077
mkdir -p "$1" "$1/runtime" "$1/pods" "$1/simulated" && chmod 700 "$1"
uname -m; nproc; awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo
df -P -B1G "$1" | awk 'NR == 2 {print $4}'"""
_INSTALL_RUNTIME = """\
set -eu
part=$(mktemp -d "$1.XXXXXX")
trap 'rm -rf "$part"' EXIT
umask 022
chmod 755 "$part"
tar -x -z -f - -C "$part" --no-same-owner
mv -T "$part" "$1" 2>/dev/null || [ -x "$1/init" ]
trap - EXIT
[ ! -e "$part" ] || rm -rf "$part\""""
# Who may use the engine may set rules through it, without being root by name.
_AS_ROOT = """\
repository=$1
shift
if [ "$(id -u)" -eq 0 ]; then exec sh -s -- "$@"; fi
if sudo -n true </dev/null 2>/dev/null; then exec sudo -n sh -s -- "$@"; fi
image=$(docker image ls --quiet "$repository" | head -n 1)
exec docker run --rm --interactive --network host --cap-drop ALL --cap-add NET_ADMIN \\
  --cap-add NET_RAW --entrypoint sh "$image" -s -- "$@\""""
_CONFIGURE = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "dpkg",
    "--force-unsafe-io",
    "--configure",
    "-a",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFacts:
    """What was found on a machine while it was made ready; None means unknown."""

    layout: NodeLayout
    base_image: str
    architecture: str
    engine_version: str
    gpu_access: GpuAccess | None
    cpus: int
    memory_mib: int
    disk_free_gib: int | None


def prepare_node(
    machine: Machine,
    *,
    market_id: str,
    directory: str,
    bundle: RuntimeBundle,
    base_image: BaseImage,
    published_ports: tuple[int, int],
    simulated_gpus: str | None = None,
) -> NodeFacts:
    """Copy the runtime and the base image, make the network, raise its firewall.

    `simulated_gpus` is a table of `marketplace.simulated`; `published_ports` is the first and last
    port that pods may publish.

    :raises NodeUnfit: when the machine can host no pods.
    :raises EngineError, MachineError: when it could not be finished; repeat it later.
    """
    layout = NodeLayout(market_id=market_id, directory=directory, runtime=bundle.version)
    engine = _engine(machine)
    architecture, cpus, memory, disk = _directories(machine, layout)
    _install_runtime(machine, layout, bundle, architecture=architecture)
    if simulated_gpus is not None:
        _install_simulated(machine, layout, simulated_gpus)
    _ensure_base_image(machine, layout, base_image)
    ensure_network(machine, layout=layout)
    raise_firewall(machine, layout=layout, published_ports=published_ports)
    return NodeFacts(
        layout=layout,
        base_image=base_image.name,
        architecture=architecture,
        engine_version=engine["ServerVersion"],
        gpu_access=GpuAccess.SIMULATED if simulated_gpus else gpu_access(machine, engine=engine),
        cpus=cpus,
        memory_mib=memory,
        disk_free_gib=disk,
    )


def ensure_network(machine: Machine, *, layout: NodeLayout) -> None:
    """Make the network of this market's pods: pods on it do not see each other."""
    args = ["network", "create", "--driver", "bridge"]
    args += ["--opt", "com.docker.network.bridge.enable_icc=false"]
    args += ["--opt", f"com.docker.network.bridge.name={layout.bridge}"]
    args += ["--label", f"{MARKET_LABEL}={layout.market_id}", layout.network]
    try:
        docker(machine, args, timeout=ACT_SECONDS)
    except EngineError as error:
        if "already exists" not in error.detail:
            raise


def raise_firewall(
    machine: Machine, *, layout: NodeLayout, published_ports: tuple[int, int]
) -> None:
    """Keep pods from other pods, the machine, its LAN and metadata services.

    :raises NodeUnfit: when rules cannot be set: pods must not run there.
    """
    first, last = published_ports
    try:
        _firewall(machine, "up", layout.bridge, f"{first}:{last}")
    except CommandFailed as error:
        raise NodeUnfit(f"its firewall could not be set up, {error.stderr}") from error


def lower_firewall(machine: Machine, *, layout: NodeLayout) -> None:
    """Take this market's rules away; only for a machine without its pods."""
    _firewall(machine, "down", layout.bridge)


def gpu_access(machine: Machine, *, engine: dict[str, Any]) -> GpuAccess | None:
    """Find how the machine gives GPUs to containers, or None when it cannot.

    `engine` is what `docker info` says.
    """
    listed = machine.run(["nvidia-ctk", "cdi", "list"], timeout=LOOK_SECONDS)
    if _version(engine) >= CDI_ENGINE and b"nvidia.com/gpu=GPU-" in listed.stdout:
        return GpuAccess.CDI
    hook = machine.run(["sh", "-c", "command -v nvidia-container-runtime-hook"], timeout=10)
    if hook.exit_status == 0 or "nvidia" in engine["Runtimes"]:
        return GpuAccess.GPUS
    return None


def _directories(machine: Machine, layout: NodeLayout) -> tuple[str, int, int, int | None]:
    argv = ["sh", "-c", _DIRECTORIES, "sh", layout.directory]
    said = machine.check(argv, timeout=LOOK_SECONDS).decode("ascii", "replace")
    found = re.fullmatch(r"(\w{1,20})\s+([0-9]{1,9})\s+([0-9]{1,9})(?:\s+([0-9]{1,9}))?\s*", said)
    if found is None:
        raise NotUnderstood(where=str(machine), what="a word on its processor, memory and disk")
    kind, cpus, memory, free = found.groups()
    return ARCHITECTURES.get(kind, kind), int(cpus), int(memory), int(free) if free else None


def _install_runtime(
    machine: Machine, layout: NodeLayout, bundle: RuntimeBundle, *, architecture: str
) -> None:
    if architecture != bundle.architecture:
        raise NodeUnfit(
            f"it is {architecture}, and the runtime was built for {bundle.architecture}"
        )
    there = machine.run(["test", "-x", f"{layout.runtime_directory}/init"], timeout=LOOK_SECONDS)
    if there.exit_status != 0:
        argv = ["sh", "-c", _INSTALL_RUNTIME, "sh", layout.runtime_directory]
        with bundle.archive.open("rb") as stream:
            machine.check(argv, timeout=COPY_SECONDS, stdin=stream)


def _install_simulated(machine: Machine, layout: NodeLayout, table: str) -> None:
    machine.put(f"{layout.simulated_directory}/nvidia-smi", NVIDIA_SMI.read_bytes(), mode=0o755)
    machine.put(f"{layout.simulated_directory}/gpus.tsv", table.encode(), mode=0o644)


def _ensure_base_image(machine: Machine, layout: NodeLayout, base_image: BaseImage) -> None:
    if image_present(machine, image=base_image.name) is not None:
        return
    unpacked = f"{base_image.name}-unpacked"
    limited = ["timeout", "-k", "5", str(COPY_SECONDS), "docker", "import"]
    argv = [*limited, "--change", f"ENV {IMAGE_PATH}", "-", unpacked]
    with base_image.archive.open("rb") as stream:
        machine.check(argv, timeout=COPY_SECONDS + 10, stdin=stream)
    _configure(machine, layout, unpacked, base_image.name)
    # The finished image keeps the layers that it shares with this one.
    docker(machine, ["image", "rm", "--no-prune", unpacked], timeout=ACT_SECONDS)


def _configure(machine: Machine, layout: NodeLayout, unpacked: str, name: str) -> None:
    """Let the packages set themselves up, once, in a container without network."""
    container = f"lium-base-{layout.market_id}"
    docker(machine, ["rm", "--force", container], timeout=ACT_SECONDS)
    # No label of ours: the image would pass it on to whatever is made from it.
    # dpkg's journal in memory: on disk, each of its many entries would wait for the disk.
    options = ["--name", container, "--network", "none", "--tmpfs", "/var/lib/dpkg/updates"]
    docker(machine, ["run", *options, unpacked, *_CONFIGURE], timeout=CONFIGURE_SECONDS)
    changes = ["--change", 'CMD ["sleep", "infinity"]', "--change", f"ENV {IMAGE_PATH}"]
    docker(machine, ["commit", *changes, container, name], timeout=ACT_SECONDS)
    docker(machine, ["rm", "--force", "--volumes", container], timeout=ACT_SECONDS)


def _firewall(machine: Machine, *arguments: str) -> None:
    script = files("marketplace.machine") / "scripts" / "firewall.sh"
    argv = ["sh", "-c", _AS_ROOT, "sh", REPOSITORY, *arguments]
    machine.check(argv, timeout=ACT_SECONDS, stdin=script.read_bytes())


def _engine(machine: Machine) -> dict[str, Any]:
    """Ask the engine what it is, and refuse what pods cannot run on."""
    said = docker(machine, ["info", "-f", "{{json .}}"], timeout=LOOK_SECONDS)
    engine = _parsed(said, machine)
    # Some clients exit with 0 when there is no engine: only a version is an answer.
    if not engine.get("ServerVersion"):
        raise EngineDown("; ".join(map(str, engine["ServerErrors"])) or "it gave no version")
    if _version(engine) < OLDEST_ENGINE:
        raise NodeUnfit(f"its engine {engine['ServerVersion']} is older than 20.10")
    options = " ".join(map(str, engine["SecurityOptions"]))
    if "name=rootless" in options or "name=userns" in options:
        raise NodeUnfit("its engine runs rootless or remaps users, which pods do not support")
    return engine


def _parsed(said: bytes, machine: Machine) -> dict[str, Any]:
    """Read what `docker info` prints, as far as it is relied upon."""
    try:
        engine = json.loads(said)
    except (ValueError, RecursionError):
        engine = None
    kinds = {"ServerVersion": str, "ServerErrors": list, "SecurityOptions": list, "Runtimes": dict}
    if not isinstance(engine, dict) or not all(
        isinstance(engine.get(key) or kind(), kind) for key, kind in kinds.items()
    ):
        raise NotUnderstood(where=str(machine), what="a description of its engine")
    return {key: engine.get(key) or kind() for key, kind in kinds.items()}


def _version(engine: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]{1,9}", engine["ServerVersion"])[:2])
