import time

import pytest

from marketplace.machine import Machine
from marketplace.simulated import gpus_tsv
from rentals.engine import GpuAccess, NodeFacts, NodeUnfit, prepare_node
from rentals.runtime import Artifacts, RuntimeBundle, artifacts
from tests.machines import EngineMachine
from tests.rentals.engine.pods import MARKET, PORTS

TABLE = gpus_tsv(count=4, seed=7)

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.timeout(300)]


def test_finds_what_the_machine_is(facts: NodeFacts) -> None:
    assert facts.gpu_access is GpuAccess.SIMULATED
    assert facts.cpus >= 1
    assert facts.memory_mib > 100
    assert facts.disk_free_gib is not None
    assert facts.engine_version


def test_a_repeat_copies_nothing(
    node: EngineMachine, machine: Machine, facts: NodeFacts, built: Artifacts
) -> None:
    before = _inventory(node)

    started = time.monotonic()
    again = prepare_node(
        machine,
        market_id=MARKET,
        directory=node.directory,
        bundle=built.runtime,
        base_image=built.base_image,
        published_ports=PORTS,
        simulated_gpus=TABLE,
    )

    assert time.monotonic() - started < 20
    assert again.layout == facts.layout
    assert _inventory(node) == before


def test_keeps_its_directory_private(node: EngineMachine, facts: NodeFacts) -> None:
    for name in ("", "/pods", "/runtime"):
        assert node.run("stat", "-c", "%a", node.directory + name).stdout.strip() == "700"


def test_leaves_one_image_and_no_container(node: EngineMachine, facts: NodeFacts) -> None:
    names = node.docker("image", "ls", "lium/base", "--format", "{{.Repository}}:{{.Tag}}")

    assert names == facts.base_image
    assert node.docker("ps", "-aq", "--filter", f"name=lium-base-{MARKET}") == ""


def test_the_base_image_is_a_configured_system(node: EngineMachine, facts: NodeFacts) -> None:
    audit = node.docker(
        "run",
        "--rm",
        "--network",
        "none",
        facts.base_image,
        "sh",
        "-c",
        "dpkg --audit; dpkg -l | grep -c ^ii; test -s /etc/ssl/certs/ca-certificates.crt",
    )

    assert int(audit) > 80


def test_refuses_a_machine_of_another_kind(
    node: EngineMachine, machine: Machine, built: Artifacts
) -> None:
    other = RuntimeBundle(
        version=built.runtime.version, architecture="s390x", archive=built.runtime.archive
    )

    with pytest.raises(NodeUnfit, match="s390x"):
        prepare_node(
            machine,
            market_id=MARKET,
            directory=node.directory,
            bundle=other,
            base_image=built.base_image,
            published_ports=PORTS,
        )


def test_artifacts_are_built_once(built: Artifacts) -> None:
    started = time.monotonic()

    assert artifacts(built.runtime.archive.parent) == built
    assert time.monotonic() - started < 2


def _inventory(node: EngineMachine) -> tuple[str, str]:
    files = node.run("find", node.directory + "/runtime", "-printf", "%p %i %T@\\n").stdout
    return files, node.docker("image", "ls", "--all", "--quiet", "--no-trunc", "lium/base")
