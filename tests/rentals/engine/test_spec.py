"""Values of renters and providers cannot become flags, mounts or shell text."""

from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from marketplace.machine import CommandResult
from rentals.engine import (
    ContainerSpec,
    DiskFull,
    EngineDown,
    EngineError,
    GpuAccess,
    GpuUnavailable,
    ImageMissing,
    NodeLayout,
    PodMissing,
    PortTaken,
    Volume,
    run_argv,
)
from rentals.engine.docker import complaint
from rentals.engine.pods import pod_files

POD = UUID("11111111-2222-4333-8444-555555555555")
LAYOUT = NodeLayout(market_id="demo", directory="/var/lib/lium", runtime="0123456789ab")
GPUS = ("GPU-11111111-2222-3333-4444-555555555555", "GPU-21111111-2222-3333-4444-555555555555")


def spec(**changes: Any) -> ContainerSpec:
    values: dict[str, Any] = {
        "pod_id": POD,
        "market_id": "demo",
        "image": "python:3.11",
        "gpu_uuids": GPUS,
        "gpu_access": GpuAccess.GPUS,
        "ports": {22: 40022, 8888: 40023},
        "authorized_keys": ("ssh-ed25519 AAAA alice",),
        "host_private_key": "secret host key",
        "cpus": 2.5,
        "memory_mib": 1024,
    }
    return ContainerSpec(**(values | changes))


@pytest.mark.parametrize(
    "image",
    [
        "ubuntu",
        "python:3.11",
        "ghcr.io/owner/name:tag",
        "localhost:5000/a/b_c/d--e:1.0",
        "name@sha256:" + "a" * 64,
    ],
)
def test_accepts_an_image(image: str) -> None:
    assert run_argv(spec(image=image), layout=LAYOUT)[-1] == image


@pytest.mark.parametrize(
    "image",
    [
        "",
        "-v",
        "--privileged",
        "a b",
        "a;id",
        "$(id)",
        "Ubuntu",
        "a:",
        "a\n",
        "/a",
        "a/../b",
        "a" * 600,
    ],
)
def test_refuses_what_is_no_image(image: str) -> None:
    with pytest.raises(ValueError, match="image reference"):
        spec(image=image)


@pytest.mark.parametrize(
    "changes",
    [
        {"gpu_uuids": ("all",)},
        {"gpu_uuids": ("GPU-1,device=all",)},
        {"ports": {22: 40022, 80: 40022}},
        {"ports": {80: 40080}},
        {"ports": {22: 70000}},
        {"authorized_keys": ('command="id" ssh-ed25519 AAAA',)},
        {"authorized_keys": ("ssh-ed25519 AAAA\nssh-ed25519 BBBB",)},
        {"bind_address": "0.0.0.0:1 -v /:/host"},
        {"dns": ("example.com",)},
        {"env": {"LD_PRELOAD": "/x.so"}},
        {"env": {"NVIDIA_VISIBLE_DEVICES": "all"}},
        {"env": {"A B": "1"}},
        {"env": {"A": "nul\0byte"}},
        {"market_id": "demo --privileged"},
        {"cpus": 0},
        {"memory_mib": -1},
    ],
)
def test_refuses_values_that_could_do_harm(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        spec(**changes)


@pytest.mark.parametrize(
    "target", ["/", "relative", "/proc/x", "/.lium/pod", "/a,readonly", "/../x"]
)
def test_refuses_a_mount_over_the_system(target: str) -> None:
    with pytest.raises(ValueError, match="mount"):
        Volume(name="data", target=target)


def test_works_in_a_checkout_with_a_space_in_its_path() -> None:
    layout = NodeLayout(market_id="demo", directory="/home/al ice/market", runtime="0123456789ab")

    argv = run_argv(spec(), layout=layout)

    mount = "type=bind,source=/home/al ice/market/runtime/0123456789ab,target=/.lium,readonly"
    assert mount in argv


def test_refuses_a_directory_that_docker_would_read_as_more() -> None:
    with pytest.raises(ValueError, match="directory"):
        NodeLayout(market_id="demo", directory="/a,target=/", runtime="0123456789ab")


def test_never_puts_secrets_into_arguments() -> None:
    hidden = spec(env={"TOKEN": "hidden"}, startup_command="echo hidden")

    argv = " ".join(run_argv(hidden, layout=LAYOUT))

    assert not any(word in argv for word in ("hidden", "secret", "ssh-ed25519"))
    assert b"hidden" in pod_files(hidden)["env"]
    assert "secret" not in repr(hidden)


def test_hardens_and_limits() -> None:
    argv = run_argv(spec(), layout=LAYOUT, command=("serve", "--port", "1"))

    pairs = set(pairwise(argv))
    assert {
        ("--security-opt", "no-new-privileges"),
        ("--cap-drop", "ALL"),
        ("--memory", "1024m"),
        ("--memory-swap", "1024m"),
        ("--cpus", "2.5"),
        ("--pids-limit", "4096"),
        ("--network", "lium-demo"),
        ("--restart", "no"),
        ("--name", f"lium-pod-{POD}"),
        ("--label", "io.lium.market=demo"),
        ("--publish", "0.0.0.0:40022:22/tcp"),
    } <= pairs
    assert not {"--privileged", "--cap-add=SYS_ADMIN", "host"} & set(argv)
    assert "docker.sock" not in " ".join(argv)
    assert argv[argv.index("python:3.11") :] == ["python:3.11", "serve", "--port", "1"]


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (GpuAccess.GPUS, ["--gpus", f'"device={",".join(GPUS)}"']),
        (GpuAccess.CDI, ["--device", f"nvidia.com/gpu={GPUS[0]}"]),
    ],
)
def test_gives_gpus_by_uuid(access: GpuAccess, expected: list[str]) -> None:
    argv = run_argv(spec(gpu_access=access), layout=LAYOUT)

    assert argv[argv.index(expected[0]) + 1] == expected[1]


def test_gives_no_gpu_where_none_is_sold() -> None:
    argv = run_argv(spec(gpu_uuids=()), layout=LAYOUT)

    assert "--gpus" not in argv
    assert "NVIDIA_VISIBLE_DEVICES=void" in argv


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
            EngineDown,
        ),
        ("Error: No such container: x", PodMissing),
        ("Error response from daemon: No such image: x", ImageMissing),
        ("Bind for 0.0.0.0:1 failed: port is already allocated", PortTaken),
        ('could not select device driver "" with capabilities: [[gpu]]', GpuUnavailable),
        ("write /x: no space left on device", DiskFull),
        ("something new", EngineError),
    ],
)
def test_knows_the_engines_complaints(said: str, kind: type[EngineError]) -> None:
    result = CommandResult(exit_status=125, stdout=b"", stderr=said.encode(), truncated=False)

    error = complaint(result)

    assert type(error) is kind
    assert error.reason
    assert said in str(error)
