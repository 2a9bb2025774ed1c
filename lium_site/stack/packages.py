"""Programs that come from the system's packages: named where they are missing, installed where that is ours to do."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lium_site.stack.console import StackError, say

# Debian's package for each program that the local machine needs.
PACKAGE_OF = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "iptables": "iptables",
    "ip": "iproute2",
}
# Debian 13 keeps the client apart from the engine's package, which older ones do not know.
CLIENT_PACKAGE = "docker-cli"
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
INSTALL_SECONDS = 600

# What a package asks before it starts its service: 101 means "do not" (invoke-rc.d, deb-systemd-invoke).
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")
OUR_POLICY = "#!/bin/sh\n# Made by ./market while it installs packages; it removes this file itself.\nexit 101\n"


def find(program: str) -> str | None:
    """Return a program's path, looking into the system folders that an ordinary user's PATH may lack."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(program, path=os.pathsep.join([path, *SYSTEM_FOLDERS]))


def missing(programs: Sequence[str]) -> list[str]:
    """Return the packages that would bring the programs which are not there."""
    packages = {PACKAGE_OF[program] for program in programs if find(program) is None}
    if find("dockerd") and PACKAGE_OF["docker"] in packages:
        packages = packages - {PACKAGE_OF["docker"]} | {CLIENT_PACKAGE}
    return sorted(packages)


def install(packages: Sequence[str]) -> None:
    """Install packages with apt, without starting or enabling any service.

    :raises StackError: if this is not ours to do here, with the command that does it, or if apt fails.
    """
    command = f"sudo apt-get install {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise StackError(f"install what this system calls {', '.join(packages)} (Debian's names)")
    if os.geteuid() != 0:
        raise StackError(f"install them with: {command}")
    say(f"installing {', '.join(packages)} with apt, without starting any service")
    with _no_service_started():
        _apt("update", "-qq")
        _apt("install", "-y", "-qq", "--no-install-recommends", *packages)
        if find("docker") is None and find("dockerd"):
            _apt("install", "-y", "-qq", "--no-install-recommends", CLIENT_PACKAGE)
    if "openssh-server" in packages and shutil.which("systemctl"):
        # Only the program was wanted: without this the system's own SSH server would come up at the next boot.
        for unit in ("ssh.service", "ssh.socket"):
            subprocess.run(["systemctl", "disable", unit], capture_output=True, check=False)


@contextmanager
def _no_service_started() -> Iterator[None]:
    if SERVICE_POLICY.exists() and SERVICE_POLICY.read_text() != OUR_POLICY:
        verdict = subprocess.run([SERVICE_POLICY, "ssh", "start"], capture_output=True, check=False)
        if verdict.returncode != 101:
            raise StackError(
                f"{SERVICE_POLICY} would let packages start their services; install them yourself"
            )
        yield
        return
    SERVICE_POLICY.write_text(OUR_POLICY)
    SERVICE_POLICY.chmod(0o755)
    try:
        yield
    finally:
        SERVICE_POLICY.unlink(missing_ok=True)


def _apt(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    if done.returncode:
        raise StackError(f"apt-get {arguments[0]} failed: {done.stderr.strip()[-600:]}")
