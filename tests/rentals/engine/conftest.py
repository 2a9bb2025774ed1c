import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.machine import Machine, connect
from marketplace.simulated import gpus_tsv
from rentals.engine import NodeFacts, prepare_node
from rentals.runtime import Artifacts, artifacts
from tests.machines import EngineMachine, engine_machine
from tests.rentals.engine.pods import MARKET, PORTS, PodMaker

TABLE = gpus_tsv(count=4, seed=7)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Build the runtime and the base image, or find them in MARKET_RUNTIME_CACHE."""
    kept = os.environ.get("MARKET_RUNTIME_CACHE")
    return artifacts(Path(kept) if kept else tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineMachine]:
    with engine_machine(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture(scope="session")
def machine(node: EngineMachine) -> Iterator[Machine]:
    with connect(node.address) as opened:
        yield opened


@pytest.fixture(scope="session")
def facts(node: EngineMachine, machine: Machine, built: Artifacts) -> NodeFacts:
    return prepare_node(
        machine,
        market_id=MARKET,
        directory=node.directory,
        bundle=built.runtime,
        base_image=built.base_image,
        published_ports=PORTS,
        simulated_gpus=TABLE,
    )


@pytest.fixture
def pods(
    node: EngineMachine, machine: Machine, facts: NodeFacts, tmp_path: Path
) -> Iterator[PodMaker]:
    """Make pods that are gone after the test."""
    maker = PodMaker(node=node, machine=machine, facts=facts, home=tmp_path)
    yield maker
    maker.remove_all()


@pytest.fixture(scope="module")
def lasting_pods(
    node: EngineMachine,
    machine: Machine,
    facts: NodeFacts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PodMaker]:
    """Make pods that several tests share."""
    home = tmp_path_factory.mktemp("lasting")
    maker = PodMaker(node=node, machine=machine, facts=facts, home=home, first_port=PORTS[0] + 500)
    yield maker
    maker.remove_all()


@pytest.fixture(scope="session")
def busybox_image(node: EngineMachine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make an image that holds one static busybox and no libc, no /etc/passwd, no bash."""
    root = tmp_path_factory.mktemp("busybox")
    (root / "bin").mkdir()
    runtime = next((Path(node.directory) / "runtime").iterdir())
    shutil.copy(runtime / "bin" / "busybox", root / "bin" / "busybox")
    for applet in ("sh", "cat", "echo", "sleep", "env", "id", "wc"):
        (root / "bin" / applet).symlink_to("busybox")
    change = 'CMD ["sh", "-c", "echo from the image; sleep 1000"]'
    return _import(node, root, "test/busybox:1", "ENV FROM_IMAGE=yes", change)


@pytest.fixture(scope="session")
def empty_image(node: EngineMachine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make an image without a single file."""
    return _import(node, tmp_path_factory.mktemp("empty"), "test/empty:1", 'CMD ["/none"]')


def _import(node: EngineMachine, root: Path, name: str, *changes: str) -> str:
    options = [part for change in changes for part in ("--change", change)]
    archive = subprocess.run(["tar", "-C", root, "-c", "."], check=True, capture_output=True)
    subprocess.run(
        [*node.sshd.command, "docker", "-H", node.socket, "import", *options, "-", name],
        input=archive.stdout,
        check=True,
        capture_output=True,
    )
    return name
