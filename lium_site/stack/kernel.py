"""The few things we ask of the kernel about processes: who dies with whom, and who descends from whom."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36

# A pod's shim outlives the engine on purpose: pods stay when the market stops.
POD_KEEPER = "containerd-shim"
# The kernel keeps this much of a program's name.
NAME_LENGTH = 15

# Loaded before any fork: a dynamic load between fork and exec may deadlock.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class ProcessRef:
    """Name a process for good: a pid alone may be given to another process later."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Say whether this very process still runs (a zombie does not)."""
        fields = _stat(self.pid)
        return fields is not None and fields[19] == self.started and fields[0] != "Z"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def die_with_parent(number: signal.Signals) -> None:
    """Ask for a signal when the thread that started this process ends, even by kill -9 (Linux)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number))


def call_us(name: str) -> None:
    """Bear a name in lists of processes (Linux); the kernel keeps its first 15 bytes."""
    if _libc is not None:
        _libc.prctl(PR_SET_NAME, name.encode()[:NAME_LENGTH])


def adopt_orphans() -> None:
    """Become the parent of every orphaned descendant (Linux), so that none can slip away."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(*, except_for: Collection[int]) -> None:
    """Let go of adopted processes that have ended; the others' ends are theirs to see who started them."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, options):
            if ended.si_pid in except_for:
                return
            os.waitpid(ended.si_pid, 0)


def descendants(pid: int) -> list[ProcessRef]:
    """List the processes below a pid, nearest first, leaving out pods and what keeps them."""
    below: dict[int, list[tuple[int, str, str]]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        child = int(entry.name)
        fields = _stat(child)
        if fields is not None:
            below.setdefault(int(fields[1]), []).append((child, fields[19], _name(child)))
    found: list[ProcessRef] = []
    queue = [pid]
    while queue:
        for child, started, name in below.get(queue.pop(0), []):
            if not name.startswith(POD_KEEPER[:NAME_LENGTH]):
                found.append(ProcessRef(child, started))
                queue.append(child)
    return found


def reference(pid: int) -> ProcessRef | None:
    """Return a lasting reference to a running process, or None."""
    fields = _stat(pid)
    return ProcessRef(pid, fields[19]) if fields is not None else None


def command_line(pid: int) -> str:
    """Return a process's command line, empty where it is gone or hidden."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def pids_with(*marks: str) -> list[int]:
    """Return the processes whose command line contains every mark."""
    pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid in pids if all(mark in command_line(pid) for mark in marks)]


def shares_network(pid: int) -> bool:
    """Say whether a process sees the same network interfaces and packet filter as we do."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    except OSError:
        return False


def end(processes: Iterable[ProcessRef], *, grace_seconds: float) -> None:
    """Terminate processes, and kill those that are still there after the grace."""
    remaining = [process for process in processes if process.is_alive()]
    for process in remaining:
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while remaining and time.monotonic() < deadline:
        time.sleep(0.05)
        remaining = [process for process in remaining if process.is_alive()]
    for process in remaining:
        process.signal(signal.SIGKILL)


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the name: [0] state, [1] parent, [19] start time."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""
