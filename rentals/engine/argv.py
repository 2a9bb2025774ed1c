"""The command line of a pod: one pure function, nothing of the renter's in it but the image."""

from collections.abc import Iterator, Sequence
from itertools import chain

from core.dialing import bracketed
from rentals.engine.spec import (
    MARKET_LABEL,
    NVIDIA_SMI,
    POD_LABEL,
    ContainerSpec,
    GpuAccess,
    NodeLayout,
    container_name,
)

# The least with which OpenSSH, package managers and ordinary services work.
CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "SETUID",
    "SETGID",
    "SYS_CHROOT",
    "KILL",
    "NET_BIND_SERVICE",
    "AUDIT_WRITE",
)
RUN_TMPFS = "/.lium/run:rw,nosuid,nodev,noexec,size=4m,mode=0700"


def run_argv(spec: ContainerSpec, *, layout: NodeLayout, command: Sequence[str] = ()) -> list[str]:
    """Give the arguments after `docker` that create and start a pod.

    `command` is the image's own entry point and arguments, which our init starts.
    """
    options = chain(
        ("--detach", "--init", "--pull", "never", "--user", "0:0"),
        _identity(spec),
        _hardening(),
        _limits(spec),
        _network(spec, layout),
        _mounts(spec, layout),
        _gpus(spec, layout),
        ("--entrypoint", "/.lium/init"),
    )
    return ["run", *options, spec.image, *command]


def _identity(spec: ContainerSpec) -> Iterator[str]:
    yield from ("--name", container_name(spec.pod_id))
    yield from ("--hostname", f"pod-{spec.pod_id.hex[:12]}")
    yield from ("--label", f"{POD_LABEL}={spec.pod_id}")
    yield from ("--label", f"{MARKET_LABEL}={spec.market_id}")


def _hardening() -> Iterator[str]:
    yield from ("--security-opt", "no-new-privileges")
    yield from ("--cap-drop", "ALL")
    for capability in CAPABILITIES:
        yield from ("--cap-add", capability)
    # An image could make device hooks on the host load its library, or ask for every GPU.
    yield from ("--env", "LD_PRELOAD=")
    # After a reboot the firewall is gone: only we start pods, once it is back.
    yield from ("--restart", "no")


def _limits(spec: ContainerSpec) -> Iterator[str]:
    yield from ("--cpus", f"{spec.cpus:g}")
    yield from ("--memory", f"{spec.memory_mib}m")
    yield from ("--memory-swap", f"{spec.memory_mib}m")
    yield from ("--shm-size", f"{spec.shm_mib}m")
    yield from ("--pids-limit", str(spec.pids))
    yield from ("--log-driver", "local", "--log-opt", "max-size=10m", "--log-opt", "max-file=3")


def _network(spec: ContainerSpec, layout: NodeLayout) -> Iterator[str]:
    yield from ("--network", layout.network)
    for server in spec.dns:
        yield from ("--dns", server)
    host = bracketed(spec.bind_address)
    for inside, outside in sorted(spec.ports.items()):
        yield from ("--publish", f"{host}:{outside}:{inside}/tcp")


def _mounts(spec: ContainerSpec, layout: NodeLayout) -> Iterator[str]:
    yield from _bind(layout.runtime_directory, "/.lium")
    yield from _bind(layout.pod_directory(spec.pod_id), "/.lium/pod")
    yield from ("--tmpfs", RUN_TMPFS)
    for volume in spec.volumes:
        yield from ("--mount", f"type=volume,source={volume.name},target={volume.target}")


def _gpus(spec: ContainerSpec, layout: NodeLayout) -> Iterator[str]:
    if spec.gpu_access is GpuAccess.GPUS and spec.gpu_uuids:
        # The quotes are docker's: without them it reads the comma as another option.
        yield from ("--gpus", f'"device={",".join(spec.gpu_uuids)}"')
        return
    yield from ("--env", "NVIDIA_VISIBLE_DEVICES=void")
    if spec.gpu_access is GpuAccess.CDI:
        for uuid in spec.gpu_uuids:
            yield from ("--device", f"nvidia.com/gpu={uuid}")
    elif spec.gpu_access is GpuAccess.SIMULATED:
        yield from _bind(f"{layout.simulated_directory}/nvidia-smi", NVIDIA_SMI)
        yield from _bind(f"{layout.simulated_directory}/gpus.tsv", "/etc/lium-simulated/gpus.tsv")
        assigned = f"{layout.pod_directory(spec.pod_id)}/gpus"
        yield from _bind(assigned, "/etc/lium-simulated/assigned")


def _bind(source: str, target: str) -> Iterator[str]:
    yield from ("--mount", f"type=bind,source={source},target={target},readonly")
