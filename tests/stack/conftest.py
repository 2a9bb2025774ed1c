"""Programs of a few lines that misbehave in one way each, and a market's state in a temporary folder."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lium_site.stack.paths import ROOT, State, open_state
from lium_site.stack.process import Program


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setenv("MARKET_STATE", str(tmp_path / "state"))
    return open_state()


@pytest.fixture
def program() -> Callable[..., Program]:
    """Describe a program made of Python source or a shell line."""

    def describe(source: str, *, name: str = "program", **options: object) -> Program:
        command = [sys.executable, "-c", textwrap.dedent(source)]
        return Program(name=name, command=command, folder=ROOT, environment={}, **options)

    return describe


@pytest.fixture
def spawn() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a script of our own package, and end it after the test whatever happened."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(source), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def eventually(condition: Callable[[], bool], *, seconds: float = 10) -> bool:
    """Wait for a condition; say whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
