"""Many SSH servers on loopback addresses, each with a host key of its own: what a probe sees of a market."""

import getpass
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lium_site.stack.console import StackError
from lium_site.stack.packages import find
from marketplace.machine import generate_keypair

PORT: Final = 2244
START_SECONDS: Final = 30.0
# MaxStartups is raised: sshd's default drops connections that begin together.
CONFIGURATION: Final = """\
ListenAddress {host}
Port {port}
HostKey "{folder}/host_key"
PidFile none
AuthorizedKeysFile "{keys}"
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
MaxStartups 200:30:400
SetEnv "HOME={folder}"
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where one server listens, and what it proves to hold."""

    host: str
    port: int
    user: str
    host_key: str


@contextmanager
def servers(folder: Path, *, count: int) -> Iterator[list[Server]]:
    """Run so many servers that let in the key in ``folder``/client_key."""
    program = find("sshd")
    if program is None:
        raise StackError("sshd is not installed")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    private, public = generate_keypair()
    _write_private(folder / "client_key", private)
    (folder / "authorized_keys").write_text(public + "\n")
    children: list[subprocess.Popen[bytes]] = []
    try:
        found = [_start(folder, str(program), number, children) for number in range(count)]
        _write_known_hosts(folder, found)
        for server in found:
            _await_banner(server)
        yield found
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(10)


def save(folder: Path, found: Sequence[Server]) -> None:
    """Write down where the servers are, for the loops."""
    (folder / "servers.json").write_text(json.dumps([asdict(server) for server in found]))


def saved(folder: Path) -> list[Server]:
    """Read where the servers are."""
    return [Server(**row) for row in json.loads((folder / "servers.json").read_text())]


def _start(
    folder: Path, program: str, number: int, children: list["subprocess.Popen[bytes]"]
) -> Server:
    host = f"127.44.{number // 200}.{number % 200 + 1}"
    home = folder / str(number)
    home.mkdir(mode=0o700)
    private, public = generate_keypair()
    _write_private(home / "host_key", private)
    text = CONFIGURATION.format(host=host, port=PORT, folder=home, keys=folder / "authorized_keys")
    (home / "sshd_config").write_text(text)
    command = [program, "-D", "-q", "-f", str(home / "sshd_config")]
    children.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    return Server(host=host, port=PORT, user=getpass.getuser(), host_key=public)


def _write_known_hosts(folder: Path, found: Sequence[Server]) -> None:
    lines = [f"[{server.host}]:{server.port} {server.host_key}\n" for server in found]
    (folder / "known_hosts").write_text("".join(lines))


def _write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def _await_banner(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((server.host, server.port), timeout=2) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.02)
    raise StackError(f"the SSH server at {server.host} shows no banner")
