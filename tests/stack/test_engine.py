"""An engine of our own: its pods outlive it, and it leaves the packet filter as it was."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lium_site.stack import packages
from lium_site.stack.engine import (
    Engine,
    NoEngine,
    address_pools,
    find_or_start,
    pods_live_on,
)
from lium_site.stack.kernel import POD_KEEPER, descendants, end, pids_with, reference
from lium_site.stack.paths import ROOT, State
from lium_site.stack.supervisor import Supervisor
from tests.stack.conftest import eventually

# Runs in a network namespace of its own, so that no other engine's rules are at stake.
STORY = """
import json, subprocess, sys
from pathlib import Path
from lium_site.stack import engine, residue
from lium_site.stack.guard import guarded
from lium_site.stack.paths import open_state
from lium_site.stack.supervisor import Supervisor

engine.RUNTIMES = Path(sys.argv[1])
state = open_state()

def rules():
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    told = (line.partition(" [")[0] for line in saved.splitlines() if line[0] in ":-")
    # A built-in chain that accepts is what there is before anyone touches the filter.
    return sorted(line for line in told if not (line[0] == ":" and line.endswith(" ACCEPT")))

def find(supervisor):
    found = engine.find_or_start(state, supervisor)
    return found, lambda *arguments: found.docker(*arguments)

def story():
    told = {"before": rules()}
    with Supervisor() as supervisor:
        found, docker = find(supervisor)
        docker("image", "import", sys.argv[2], "tiny")
        label = f"io.lium.market={state.instance}"
        bridge = "com.docker.network.bridge.name=markettest0"
        docker("network", "create", "--label", label, "--opt", bridge, "lium-test")
        subnet = "{{(index .IPAM.Config 0).Subnet}}"
        told["subnet"] = docker("network", "inspect", "--format", subnet, "lium-test")
        pod = ("--name", engine.POD_NAME_PREFIX + "test", "--label", label, "--network", "lium-test")
        docker("run", "-d", *pod, "--volume", "/data", "tiny", "/bin/sleep", "600")
        (state.node / "pods" / "test").mkdir(parents=True)
        (state.node / "pods" / "test" / "host_key").write_text("secret")
        supervisor.at_exit(lambda: residue.clear_network(found, state))
    told["between"] = rules()
    with Supervisor() as supervisor:
        found, docker = find(supervisor)
        told["status"] = docker("ps", "--format", "{{.Status}}")
        told["removed"] = residue.remove_pods(found, state)
        told["kept"] = docker("volume", "ls", "--quiet").split()
        told["kept"] += [path.name for path in state.node.iterdir()]
        residue.clear_network(found, state)
    told["after"] = rules()
    told["mounts"] = [line for line in open("/proc/self/mounts") if str(state.folder) in line]
    told["left"] = [path.name for path in engine.RUNTIMES.iterdir()]
    print(json.dumps(told))
    return 0

sys.exit(guarded(story))
"""


@pytest.fixture
def runtimes(state: State) -> Iterator[Path]:
    # Short, because sockets are in it.
    folder = Path(tempfile.mkdtemp(prefix="mt", dir="/run"))
    yield folder
    # A story that failed leaves its pod, whose mounts would be in the way of every later session.
    for keeper in pids_with(POD_KEEPER, str(folder)):
        end(descendants(keeper), grace_seconds=0)
        end([found] if (found := reference(keeper)) else [], grace_seconds=1)
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        point = line.split()[1]
        if point.startswith((str(folder), str(state.folder))):
            subprocess.run(["umount", "--lazy", point], check=False)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def story(
    state: State, runtimes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nobody/listens.sock")
    command = [sys.executable, "-c", STORY, str(runtimes), str(smallest_image(tmp_path))]
    done = subprocess.run(
        ["unshare", "--net", *command], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "words": done.stderr}


def smallest_image(folder: Path) -> Path:
    """Make an image of this machine's `sleep`."""
    sleep = shutil.which("sleep") or "/bin/sleep"
    linked = subprocess.run(["ldd", sleep], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in linked.split() if word.startswith("/")]
    for file in (sleep, *libraries):
        target = folder / "root" / ("bin/sleep" if file == sleep else file.lstrip("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    archive = folder / "image.tar"
    subprocess.run(["tar", "-C", folder / "root", "-cf", archive, "."], check=True)
    return archive


@pytest.mark.engine
def test_pods_have_addresses_of_this_market(state: State, story: dict[str, Any]) -> None:
    """Two engines that choose at one moment do not know of each other's."""
    own = ip_network(address_pools(state.instance)[0])

    assert ip_network(story["subnet"].strip()).subnet_of(own)
    assert len({address_pools(f"{number:012x}"[::-1])[0] for number in range(256)}) == 256


@pytest.mark.engine
def test_pods_outlive_the_engine_and_nothing_else_does(story: dict[str, Any]) -> None:
    assert "1 pod(s) stay, unbilled" in story["words"]
    assert story["between"] != story["before"]
    assert story["status"].startswith("Up ")
    assert story["removed"] == 1
    assert story["kept"] == []
    assert story["after"] == story["before"]
    assert story["left"] == story["mounts"] == []


def test_keeper_of_a_removed_pod_is_waited_for(spawn: Callable[..., Any]) -> None:
    mark = f"market-{uuid4().hex}"
    keeper = spawn("import time; time.sleep(60)", POD_KEEPER, mark)
    assert eventually(lambda: bool(pids_with(POD_KEEPER, mark)))
    threading.Timer(0.3, keeper.kill).start()
    # Reaped as soon as it ends, as the init process does with a real one.
    threading.Thread(target=keeper.wait, daemon=True).start()

    assert not pods_live_on(mark)


def test_keeper_of_a_living_pod_stays(spawn: Callable[..., Any]) -> None:
    mark = f"market-{uuid4().hex}"
    pod = "import subprocess; subprocess.run(['sleep', '20'])"
    keeper = spawn(pod, POD_KEEPER, mark)
    assert eventually(lambda: bool(descendants(keeper.pid)))

    assert pods_live_on(mark)
    end(descendants(keeper.pid), grace_seconds=0)


def test_without_a_client_there_is_no_engine(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(NoEngine, match="not installed"):
        find_or_start(state, Supervisor())


def test_engine_speaks_to_its_host_only() -> None:
    assert Engine(host="unix:///a.sock").environment["DOCKER_HOST"] == "unix:///a.sock"


class TestPackages:
    def test_missing_programs_are_named_by_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr(packages, "SYSTEM_FOLDERS", ())

        assert packages.missing(["docker", "dockerd", "ip"]) == ["docker.io", "iproute2"]

    def test_programs_outside_a_users_path_are_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")

        assert packages.find("ldconfig") is not None
