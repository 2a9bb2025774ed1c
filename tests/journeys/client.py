"""The published client as a renter runs it: its own home, its own SSH key, no terminal."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lium import LIUM, run_lium


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    @property
    def refusal(self) -> dict[str, Any]:
        """The refusal that it printed."""
        return json.loads(self.err.splitlines()[-1])["error"]


class Client:
    """One person's `lium`."""

    def __init__(self, home: Path, *, url: str, api_key: str = "") -> None:
        self.home = home
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": str(home),
            "LIUM_BASE_URL": f"{url}/api",
            "LIUM_NONINTERACTIVE": "1",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **({"LIUM_API_KEY": api_key} if api_key else {}),
        }
        _make_ssh_key(home)

    def __call__(self, *arguments: str, text: str = "") -> Done:
        """Run a command to its end, whatever that is."""
        done = run_lium(*arguments, env=self.environment, cwd=self.home, text=text)
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, text: str = "") -> Done:
        """Run a command that has to succeed."""
        done = self(*arguments, text=text)
        assert done.code == 0, f"lium {' '.join(arguments)}\n{done.out}\n{done.err}"
        return done

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Path]:
        """Keep a command running; give the file that it prints to."""
        output = self.home / f"{arguments[0]}.out"
        with output.open("w") as sink:
            process = subprocess.Popen(
                [LIUM, *arguments],
                env=self.environment | {"PYTHONUNBUFFERED": "1"},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        try:
            yield output
        finally:
            process.terminate()
            process.wait(10)


def eventually(check: Callable[[], bool], *, within: float = 30.0) -> None:
    """Wait for something that the outside world does in its own time."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"not so within {within:.0f} s"
        time.sleep(0.1)


def _make_ssh_key(home: Path) -> None:
    folder = home / ".ssh"
    folder.mkdir(mode=0o700)
    name = "alice@laptop"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name]
    subprocess.run([*command, "-f", folder / "id_ed25519"], check=True)
