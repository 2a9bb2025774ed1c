"""The real Subtensor runtime on this machine: a chain-spec's own runtime under chopsticks, which makes blocks on demand.

MARKET_CHAIN_SPEC names the chain-spec; without it one in the user's cache folder is taken. It holds a compiled runtime
and is never part of this repository. The packages of ``chopsticks/`` are installed once, into the same folder.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.chain.subtensor.errors import EndpointFailed
from billing.chain.subtensor.rpc import Connection

HERE = Path(__file__).parent / "chopsticks"
NAME = "@acala-network/chopsticks"
START_SECONDS = 300
ANSWER_SECONDS = 60


def cache() -> Path:
    """Give the folder of this project in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lium_site"


def chain_spec() -> Path:
    """Give where the chain-spec should lie."""
    return Path(os.environ.get("MARKET_CHAIN_SPEC", cache() / "subtensor-chain-spec.json"))


def why_not() -> str | None:
    """Say what is missing to run the real runtime here, or None."""
    if not chain_spec().is_file():
        return f"chain-spec: there is none at {chain_spec()}; MARKET_CHAIN_SPEC may name one"
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        return f"chain-spec: {' and '.join(missing)} is not installed, so nothing can run it"
    return None if _version(_packages() / "node_modules" / NAME) == _pinned() else _install()


@dataclass(frozen=True, slots=True)
class Runtime:
    """A running chain of one node."""

    url: str
    connection: Connection

    @property
    def genesis(self) -> str:
        """Give the hash of the first block."""
        return str(self.connection.ask("chain_getBlockHash", 0))

    def produce(self, count: int = 1) -> str:
        """Make blocks; give the hash of the last."""
        return str(self.connection.ask("dev_newBlock", {"count": count}))

    def fund(self, address: str, rao: int) -> None:
        """Give an address funds, in the state that the next block begins with."""
        account = {"providers": 1, "data": {"free": str(rao)}}
        self.store({"System": {"Account": [[[address], account]]}})

    def store(self, items: dict[str, Any]) -> None:
        """Write into the state that the next block begins with."""
        self.connection.ask("dev_setStorage", items)

    def forget(self, block_hash: str) -> None:
        """Make a block the head again: those after it never were."""
        self.connection.ask("dev_setHead", block_hash)


@contextmanager
def running() -> Iterator[Runtime]:
    """Run a chain of its own, at a free port, for as long as it is used."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = int(chosen.getsockname()[1])
        chosen.close()
        process = subprocess.Popen(
            _command(Path(folder), port),
            stdin=subprocess.PIPE,
            stdout=(Path(folder) / "log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            connection = Connection(f"ws://127.0.0.1:{port}", timeout=ANSWER_SECONDS, rate=1000)
            _await(process, connection, Path(folder) / "log")
            # Where the first block was made across a change of slots, the time is set by hand and it is made now.
            connection.ask("dev_timeTravel", int(time.time() * 1000))
            yield Runtime(f"ws://127.0.0.1:{port}", connection)
            connection.close()
        finally:
            process.terminate()
            process.wait(10)


def _command(folder: Path, port: int) -> list[str | Path]:
    config = {
        "genesis": str(chain_spec()),
        "build-block-mode": "Manual",
        "mock-signature-host": False,
        "allow-unresolved-imports": True,
        "host": "127.0.0.1",
        "port": port,
    }
    # JSON is YAML.
    (folder / "chain.yml").write_text(json.dumps(config))
    methods = f"--unsafe-rpc-methods={HERE / 'methods.js'}"
    return ["node", _program(), "--config", folder / "chain.yml", methods]


def _await(process: subprocess.Popen[bytes], connection: Connection, log: Path) -> None:
    """Wait for an answer: the port is open a while before anything behind it listens."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            connection.ask("system_chain")
        except EndpointFailed:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"The chain did not start: {log.read_text()[-2000:]}")


def _program() -> Path:
    return _packages() / "node_modules" / NAME / "chopsticks.cjs"


def _pinned() -> str:
    return str(json.loads((HERE / "package.json").read_text())["dependencies"][NAME])


def _version(package: Path) -> str:
    try:
        return str(json.loads((package / "package.json").read_text())["version"])
    except FileNotFoundError:
        return ""


def _packages() -> Path:
    return cache() / "chopsticks"


def _install() -> str | None:
    _packages().mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, _packages() / name)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=_packages(), capture_output=True, text=True, timeout=600)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return f"chain-spec: the packages to run it could not be installed: {last[:200]}"
    return None
