"""What keeps a market from starting is one clear sentence."""

import socket
import subprocess
import sys

import pytest

from lium_site.stack import bench, up
from lium_site.stack.application import free_port
from lium_site.stack.console import StackError
from lium_site.stack.paths import ROOT, State

STACK = [sys.executable, "-m", "lium_site.stack"]


def test_taken_port_names_another(state: State) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StackError, match=rf"port {port} .* --port {port + 1}"):
            up.run(up.Options(port=port))

    assert not (state.folder / "up.json").exists()


def test_error_is_a_sentence_without_a_traceback(state: State) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*STACK, "up", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)

    assert done.returncode == 1
    assert done.stderr.startswith("market: port ")
    assert "Traceback" not in done.stderr


def test_down_without_a_market_is_no_error(state: State) -> None:
    done = subprocess.run([*STACK, "down"], cwd=ROOT, capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr


def test_manage_without_a_market_says_so(state: State) -> None:
    done = subprocess.run([*STACK, "manage", "check"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 1
    assert "./market up" in done.stderr


def test_unknown_bench_names_those_that_exist() -> None:
    with pytest.raises(StackError, match="there is no bench 'speed'"):
        bench.run("speed", [])


def test_free_port_can_be_used() -> None:
    socket.create_server(("127.0.0.1", free_port())).close()
