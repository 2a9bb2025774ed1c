"""A GPU host that somebody brings to the market: a user ``lium`` of its own, an engine, and stand-in GPUs."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketplace.checks.install_key import STATE_DIR
from marketplace.simulated import gpus_tsv, install
from tests.machines import EngineMachine, engine_machine, small_disk

MODEL = "NVIDIA GeForce RTX 4090"
GPUS = 2
DISK_MIB = 16_000
HOOK = Path(__file__).parents[1] / "nvidia_hook.sh"
PRIVATE_FILES = (
    'mount --bind "$1" /etc/passwd; mount --bind "$2" "$3"; touch "$4"; exec sleep infinity'
)


@dataclass(frozen=True)
class GpuHost:
    """A machine that is up; who holds the key in ``authorized_keys`` gets in."""

    machine: EngineMachine

    @property
    def address(self) -> str:
        """Where its SSH server is."""
        return self.machine.address.host

    def trust(self, public_key: str) -> None:
        """Let a key in, as the install command does."""
        (self.machine.sshd.home / "authorized_keys").write_text(public_key + "\n")


@contextmanager
def gpu_host(home: Path) -> Iterator[GpuHost]:
    """Run a machine with GPUs on which all is well, but which lets nobody in yet."""
    programs = home / "bin"
    install(programs, table=gpus_tsv(model=MODEL, count=GPUS, seed=23))
    shutil.copy(HOOK, programs / "nvidia-container-runtime-hook")
    with (
        small_disk(home / "docker", mib=DISK_MIB),
        _files_of_its_own(home) as mounts,
        engine_machine(home, programs=programs, engine_programs=programs, mounts=mounts) as machine,
    ):
        yield GpuHost(machine)


@contextmanager
def _files_of_its_own(home: Path) -> Iterator[int]:
    """Keep a mount namespace in which root is called lium too, with a folder for pods' files; give its process."""
    passwd, state, ready = home / "passwd", home / "state", home / "mounted"
    passwd.write_text(f"{Path('/etc/passwd').read_text()}lium:x:0:0::/root:/bin/sh\n")
    state.mkdir()
    Path(STATE_DIR).mkdir(exist_ok=True)
    script = ["sh", "-ec", PRIVATE_FILES, "sh", passwd, state, STATE_DIR, ready]
    process = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", *map(os.fspath, script)]
    )
    try:
        while not ready.exists():
            assert process.poll() is None, "no mount namespace could be made"
            time.sleep(0.02)
        yield process.pid
    finally:
        process.kill()
        process.wait(10)
