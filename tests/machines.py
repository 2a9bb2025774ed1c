"""Real machines for tests: an sshd on loopback, and a network namespace with sshd and engine.

The engine's namespace keeps its bridges and firewall rules apart from any engine that runs on
this computer already.
"""

from __future__ import annotations

import getpass
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lium_site.stack.application import free_port
from marketplace.machine import MachineAddress, fingerprint, generate_keypair

SSHD_CONFIG = """\
Port {port}
ListenAddress {host}
HostKey {home}/host_key
PidFile {home}/sshd.pid
AuthorizedKeysFile {home}/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100:30:200
Subsystem sftp internal-sftp
{environment}
"""
METADATA_ADDRESS = "169.254.169.254"
_MACHINES = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Sshd:
    """A running sshd; `command` enters the namespace that it runs in."""

    address: MachineAddress
    home: Path
    command: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """A network of its own: `inside` is its address on the link, `outside` ours; `link` is our end's device."""

    name: str
    link: str
    inside: str
    outside: str


@dataclass(frozen=True, kw_only=True)
class EngineMachine:
    """A machine with an engine of its own; `outside` is the one neighbour on its network."""

    sshd: Sshd
    directory: str
    socket: str
    outside: str
    link: str

    @property
    def address(self) -> MachineAddress:
        return self.sshd.address

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine without SSH."""
        return _run(*self.sshd.command, *argv, check=check)

    def docker(self, *args: str, check: bool = True) -> str:
        """Run docker on the machine without SSH."""
        return self.run("docker", "-H", self.socket, *args, check=check).stdout.strip()


@contextmanager
def loopback_sshd(
    home: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Sshd]:
    """Run an sshd as the current user, with a key pair made for it, on a free port unless one is named."""
    port = port or free_port()
    with _sshd(home, host=host, port=port, environment=environment or {}, command=()) as sshd:
        yield sshd


@contextmanager
def engine_machine(
    home: Path,
    *,
    programs: Path | None = None,
    engine_programs: Path | None = None,
    mounts: int | None = None,
) -> Iterator[EngineMachine]:
    """Run sshd and dockerd in a network namespace that is reached through a pair of devices.

    `programs` is a folder in front of the PATH of who logs in, `engine_programs` of the engine's; `mounts` is a
    process whose mount namespace the machine has.
    """
    with (
        namespace() as there,
        engine_in(there.name, home, programs=engine_programs, mounts=mounts) as engine,
    ):
        environment = {"DOCKER_HOST": engine}
        if programs is not None:
            environment["PATH"] = f"{programs}:{os.defpath}:/usr/sbin:/sbin"
        command = ("nsenter", f"--net=/run/netns/{there.name}", *_mounts_of(mounts))
        door = _sshd(home, host=there.inside, port=22, environment=environment, command=command)
        with door as sshd:
            directory = str(home / "node")
            yield EngineMachine(
                sshd=sshd,
                directory=directory,
                socket=engine,
                outside=there.outside,
                link=there.link,
            )


@contextmanager
def small_disk(folder: Path, *, mib: int) -> Iterator[Callable[[int], None]]:
    """Give a folder a file system of its own; what is yielded changes its size in MiB."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder))
    try:
        yield lambda size: void(_run("mount", "-o", f"remount,size={size}m", str(folder)))
    finally:
        _run("umount", "--lazy", str(folder), check=False)


def void(_: object) -> None:
    """Drop a result."""


def why_no_engine() -> str | None:
    """Say what keeps an engine of our own from running here, or None."""
    if os.geteuid() != 0:
        return "an engine of our own needs root"
    missing = [tool for tool in ("dockerd", "sshd", "ip", "nsenter", "iptables") if not _find(tool)]
    return f"not installed: {', '.join(missing)}" if missing else None


@contextmanager
def _sshd(
    home: Path, *, host: str, port: int, environment: Mapping[str, str], command: tuple[str, ...]
) -> Iterator[Sshd]:
    home.mkdir(parents=True, exist_ok=True)
    private, public = generate_keypair()
    host_private, host_public = generate_keypair()
    (home / "authorized_keys").write_text(public + "\n")
    (home / "host_key").touch(mode=0o600)
    (home / "host_key").write_text(host_private)
    # What the user's shell reads at its start would run before each command: it can take longer than the command.
    shell_home = home / "home"
    shell_home.mkdir(exist_ok=True)
    everything = {"HOME": str(shell_home), **environment}
    values = " ".join(f'"{name}={value}"' for name, value in everything.items())
    config = SSHD_CONFIG.format(host=host, port=port, home=home, environment=f"SetEnv {values}")
    (home / "sshd_config").write_text(config)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen(
        [
            *command,
            str(_find("sshd")),
            "-D",
            "-f",
            str(home / "sshd_config"),
            "-E",
            str(home / "sshd.log"),
        ],
        # A session keeps what it was given: whoever waits for the end of this process's output would wait for it.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = MachineAddress(
        host=host,
        port=port,
        user=getpass.getuser(),
        host_key_sha256=fingerprint(host_public),
        private_key=private,
    )
    try:
        _wait(lambda: (home / "sshd.pid").exists(), "sshd", home / "sshd.log")
        yield Sshd(address=address, home=home, command=command)
    finally:
        # With the network gone, a session would never hear that its peer has left.
        _run("pkill", "-P", str(process.pid), check=False)
        process.terminate()
        process.wait(10)


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Make a network namespace with one link to the outside; it goes with its rules and devices."""
    which = next(_MACHINES)
    name = f"lium{os.getpid()}n{which}"
    network = _free_network(os.getpid() + 101 * which)
    inside, outside = f"{network}.2", f"{network}.1"
    link = f"v{name}"[:15]
    try:
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "addr", "add", f"{outside}/24", "dev", link)
        _run("ip", "addr", "add", f"{METADATA_ADDRESS}/32", "dev", link)
        _run("ip", "link", "set", link, "up")
        _run("ip", "-n", name, "addr", "add", f"{inside}/24", "dev", "eth0")
        _run("ip", "-n", name, "link", "set", "eth0", "up")
        _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "-n", name, "route", "add", "default", "via", outside)
        yield Namespace(name=name, link=link, inside=inside, outside=outside)
    finally:
        _run("ip", "netns", "del", name, check=False)
        _run("ip", "link", "del", link, check=False)


@contextmanager
def engine_in(
    name: str, home: Path, *, programs: Path | None = None, mounts: int | None = None
) -> Iterator[str]:
    """Run dockerd in a network namespace, with `programs` in front of its PATH; give its address."""
    run = Path(tempfile.mkdtemp(prefix="lium-engine-", dir="/run"))
    log = home / "dockerd.log"
    home.mkdir(parents=True, exist_ok=True)
    address = f"unix://{run}/docker.sock"
    arguments = [
        "--data-root",
        f"{home}/docker",
        "--exec-root",
        f"{run}/exec",
        "--log-level",
        "warn",
    ]
    arguments += ["--pidfile", f"{run}/docker.pid", "--host", address]
    with log.open("wb") as output:
        # `ip netns exec` would remount /sys and lose the control groups.
        process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{name}", *_mounts_of(mounts), "dockerd", *arguments],
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"} if programs else None,
        )
    try:
        _wait(
            lambda: _run("docker", "-H", address, "info", check=False).returncode == 0,
            "dockerd",
            log,
        )
        yield address
    finally:
        _stop_engine(process, address)
        shutil.rmtree(run, ignore_errors=True)
        shutil.rmtree(home / "docker", ignore_errors=True)


def _free_network(wish: int) -> str:
    """Pick a network for tests (RFC 2544: no real host is there) that nothing here uses, a killed run included."""
    taken = _run("ip", "-o", "-4", "addr").stdout
    networks = (f"198.19.{(wish + step) % 256}" for step in range(256))
    return next(network for network in networks if f" {network}.1/" not in taken)


def _mounts_of(process: int | None) -> list[str]:
    return [f"--mount=/proc/{process}/ns/mnt"] if process else []


def _stop_engine(process: subprocess.Popen[bytes], address: str) -> None:
    containers = _run("docker", "-H", address, "ps", "-aq", check=False).stdout.split()
    if containers:
        _run("docker", "-H", address, "rm", "-f", "-v", *containers, check=False)
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _find(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(*argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, check=check, capture_output=True, text=True, timeout=120)


def _wait(ready: Callable[[], bool], what: str, log: Path, *, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)
