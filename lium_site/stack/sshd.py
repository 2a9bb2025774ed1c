"""A dedicated SSH server on a loopback address: the door to the local machine, with keys of its own.

It shares nothing with the system's SSH server: neither configuration, nor keys, nor port.
"""

import getpass
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lium_site.stack.console import StackError
from lium_site.stack.packages import find
from lium_site.stack.paths import State, private_folder, write_private
from lium_site.stack.predecessor import await_end
from lium_site.stack.process import Child, Program

START_SECONDS = 20.0
# Markets of several checkouts may start at once, and want the same place.
TRIES = 5
PORT = 2222
PRIVILEGE_SEPARATION_FOLDER = Path("/run/sshd")
SESSION_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CONFIGURATION = """\
ListenAddress {host}
Port {port}
HostKey "{folder}/host_key"
PidFile "{folder}/sshd.pid"
AuthorizedKeysFile "{folder}/authorized_keys"
# The files are in a folder that the stack keeps private. sshd's own check refuses every checkout below a folder that
# others can write, /tmp among them.
StrictModes no
AllowUsers {user}
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM {pam}
UseDNS no
X11Forwarding no
AllowAgentForwarding no
AllowTcpForwarding no
PermitTunnel no
PermitUserEnvironment no
PrintMotd no
PrintLastLog no
# Many commands share one connection, and many connections begin at once.
MaxSessions 64
MaxStartups 100:30:400
LoginGraceTime 20
# A session whose client is gone ends, with what it runs.
ClientAliveInterval 15
ClientAliveCountMax 3
SetEnv {environment}
Subsystem sftp internal-sftp
"""


class PlaceTaken(StackError):
    """Another program listens where the server was to."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the SSH server listens and what opens it."""

    host: str
    port: int
    user: str
    host_key: str
    private_key: str


def start(state: State, *, environment: dict[str, str]) -> tuple[Child, Door]:
    """Start the server; commands that run through it get the given environment.

    :raises StackError: if it does not come up.
    """
    program = find("sshd")
    if program is None:
        raise StackError("sshd is not installed")
    folder = private_folder(state.folder / "sshd")
    await_end(folder / "sshd.pid", mark=str(folder))
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION_FOLDER.mkdir(mode=0o755, exist_ok=True)
    for _ in range(TRIES - 1):
        try:
            return _start(state, folder, program, environment)
        except PlaceTaken:
            (folder / "address.json").unlink()
    return _start(state, folder, program, environment)


def _start(
    state: State, folder: Path, program: str, environment: dict[str, str]
) -> tuple[Child, Door]:
    (folder / "sshd.pid").unlink(missing_ok=True)
    door = _door(folder)
    write_private(folder / "sshd_config", _configuration(folder, door, environment))
    # sshd runs itself anew for every connection, hence absolute paths.
    command: list[str | Path] = [program, "-D", "-e", "-f", folder / "sshd_config"]
    child = Child(
        Program(
            name="sshd",
            command=command,
            folder=Path("/"),
            environment=dict(os.environ),
            stop_signal=signal.SIGTERM,
        ),
        log_folder=state.logs,
    )
    _wait_for_banner(child, door, folder / "sshd.pid")
    return child, door


def _door(folder: Path) -> Door:
    host_key, client_key = _key(folder / "host_key"), _key(folder / "client_key")
    write_private(folder / "authorized_keys", client_key.with_suffix(".pub").read_text())
    host, port = _address(folder / "address.json")
    kind, encoded, *_ = host_key.with_suffix(".pub").read_text().split()
    return Door(
        host=host,
        port=port,
        user=getpass.getuser() if os.geteuid() else "root",
        host_key=f"{kind} {encoded}",
        private_key=client_key.read_text(),
    )


def _key(file: Path) -> Path:
    if not file.exists():
        draft = file.with_name(file.name + "-new")
        for leftover in (draft, draft.with_suffix(".pub")):
            leftover.unlink(missing_ok=True)
        keygen = find("ssh-keygen") or "ssh-keygen"
        command = [keygen, "-q", "-t", "ed25519", "-N", "", "-C", "market", "-f", str(draft)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        draft.with_suffix(".pub").replace(file.with_suffix(".pub"))
        draft.replace(file)
    return file


def _address(file: Path) -> tuple[str, int]:
    """Return the address of the last time where it is still free, else a free one, so that the node keeps its place."""
    if file.exists():
        host, port = json.loads(file.read_text())
        if _is_free(host, port):
            return host, port
    host, port = next(address for address in _candidates() if _is_free(*address))
    write_private(file, json.dumps([host, port]))
    return host, port


def _candidates() -> Iterator[tuple[str, int]]:
    yield from ((f"127.0.10.{last}", PORT) for last in range(1, 255))
    # Not every system answers on all of 127.0.0.0/8.
    yield from (("127.0.0.1", PORT + offset) for offset in range(200))


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _configuration(folder: Path, door: Door, environment: dict[str, str]) -> str:
    # An empty home: what the user's shell reads at its start would run before each of our commands.
    home = private_folder(folder / "home")
    everything = {"PATH": SESSION_PATH, "HOME": str(home), **environment}
    return CONFIGURATION.format(
        folder=folder,
        host=door.host,
        port=door.port,
        user=door.user,
        pam="yes" if _is_locked(door.user) else "no",
        environment=" ".join(f'"{name}={value}"' for name, value in everything.items()),
    )


def _is_locked(user: str) -> bool:
    """Say whether the account has a locked password, which sshd refuses unless PAM decides."""
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{user}:!") for line in lines)


def _wait_for_banner(child: Child, door: Door, pid_file: Path) -> None:
    """Wait until it is ours that answers: it writes its number once the place is its own.

    :raises PlaceTaken: another program was faster.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection((door.host, door.port), timeout=2) as connection:
                if connection.recv(4) == b"SSH-" and pid_file.exists():
                    return
        except OSError:
            pass
        if not child.is_running() and "in use" in child.obituary():
            raise PlaceTaken(f"{door.host}:{door.port} was taken while sshd started")
        child.ensure_running()
        if time.monotonic() > deadline:
            raise StackError(
                f"sshd runs but shows no banner within {START_SECONDS:.0f} s; see {child.log}"
            )
        time.sleep(0.03)
