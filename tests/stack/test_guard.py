"""Nothing of a market survives it, whoever is killed and however."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lium_site.stack.kernel import reference
from tests.stack.conftest import eventually

Spawn = Callable[..., "subprocess.Popen[str]"]

# A market in small: a child that is watched, and a grandchild that has slipped out of its parent's hands.
MARKET = '''
import os, sys, time
from pathlib import Path
from lium_site.stack.guard import guarded
from lium_site.stack.process import Child, Program
from lium_site.stack.supervisor import Supervisor

folder = Path(sys.argv[1])
SERVER = r"""
import os, subprocess, sys, time
orphan = "import os, sys, time; os.fork() and os._exit(0); os.setsid(); print('orphan', os.getpid(), flush=True); time.sleep(600)"
subprocess.run([sys.executable, "-c", orphan], check=True)
print('server', os.getpid(), flush=True)
time.sleep(600)
"""

def work():
    with Supervisor() as supervisor:
        supervisor.at_exit(lambda: (folder / "tidied").touch())
        program = Program(name="server", command=[sys.executable, "-c", SERVER], folder=Path("/"), environment={})
        supervisor.watch(Child(program, log_folder=folder))
        (folder / "work.log").write_text(f"work {os.getpid()}")
        supervisor.wait()
    return 0

sys.exit(guarded(work))
'''


@pytest.fixture
def small_market(spawn: Spawn, tmp_path: Path) -> "subprocess.Popen[str]":
    process = spawn(MARKET, str(tmp_path))
    assert eventually(lambda: len(pids_of(tmp_path)) == 3, seconds=30)
    return process


def pids_of(folder: Path) -> dict[str, int]:
    """Return the pids of work, server and orphan, as far as they have told them."""
    told = " ".join(file.read_text() for file in folder.glob("*.log")).split()
    return dict(zip(told[::2], map(int, told[1::2]), strict=False))


def none_is_left(pids: dict[str, int]) -> bool:
    return all(found is None or not found.is_alive() for found in map(reference, pids.values()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stops_in_order_when_asked(
    small_market: "subprocess.Popen[str]", tmp_path: Path, number: signal.Signals
) -> None:
    pids = pids_of(tmp_path)

    small_market.send_signal(number)

    assert small_market.wait(10) == 0
    assert none_is_left(pids)
    assert (tmp_path / "tidied").exists()


def test_guard_killed(small_market: "subprocess.Popen[str]", tmp_path: Path) -> None:
    pids = pids_of(tmp_path)

    small_market.kill()

    assert eventually((tmp_path / "tidied").exists)
    assert eventually(lambda: none_is_left(pids))


def test_work_killed(small_market: "subprocess.Popen[str]", tmp_path: Path) -> None:
    pids = pids_of(tmp_path)

    os.kill(pids["work"], signal.SIGKILL)

    assert small_market.wait(10) == 128 + signal.SIGKILL
    assert none_is_left(pids)


def test_child_that_ends_takes_the_market_with_it(
    small_market: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    pids = pids_of(tmp_path)

    os.kill(pids["server"], signal.SIGKILL)

    _, errors = small_market.communicate(timeout=10)
    assert small_market.returncode == 1
    assert "server ended with status -9" in errors
    assert none_is_left(pids)


def test_third_signal_does_not_wait(spawn: Spawn, tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    process = spawn(
        MARKET.replace("import os, subprocess", f"{deaf}; import os, subprocess"), str(tmp_path)
    )
    assert eventually(lambda: len(pids_of(tmp_path)) == 3)
    pids = pids_of(tmp_path)

    # Two that come before the first is read are one.
    for _ in range(10):
        process.send_signal(signal.SIGINT)
        if eventually(lambda: process.poll() is not None, seconds=0.3):
            break

    assert process.wait(5) == 130
    assert none_is_left(pids)


def test_ended_orphans_do_not_pile_up(
    small_market: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    orphan = pids_of(tmp_path)["orphan"]

    os.kill(orphan, signal.SIGKILL)

    assert eventually(lambda: not Path(f"/proc/{orphan}").exists())
    assert small_market.poll() is None
