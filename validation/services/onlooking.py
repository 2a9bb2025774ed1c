"""What a machine says of its rented GPUs while somebody computes there: which processes use them, and how much memory is held.

Nothing is computed, and nothing of the renter's is told: who else uses the GPUs is asked, and not what the renter does.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from marketplace.containers import MARKET_LABEL, POD_LABEL, simulated_directory
from marketplace.machine import Machine
from marketplace.models import Node
from validation import terms

# A process that ended meanwhile has no cgroup any more, and no line: nobody is accused of it.
LOOK: Final = """\
smi=$1 label=$2 pod=$3
processes=$("$smi" --query-compute-apps=gpu_uuid,pid,used_gpu_memory --format=csv,noheader,nounits) || exit
"$smi" --query-gpu=uuid,memory.used --format=csv,noheader,nounits || exit
echo --
printf '%s\\n' "$processes"
echo --
docker ps --no-trunc --filter "label=$label" --format "{{.ID}} {{.Label \\"$pod\\"}}" || exit
echo --
printf '%s\\n' "$processes" | while IFS=', ' read -r gpu pid rest; do
  case $pid in '' | *[!0-9]*) continue ;; esac
  while read -r group; do echo "$pid $group"; done <"/proc/$pid/cgroup"
done 2>/dev/null
:
"""
_ROW: Final = re.compile(r"([0-9a-f]{64}) ([0-9a-f-]{36})")


class NotTold(Exception):
    """The machine did not say; the message says why."""


@dataclass(frozen=True, slots=True)
class Process:
    """One that computes on a GPU; MiB is None where the driver does not tell, the cgroup where the process has ended."""

    gpu: str
    mib: float | None
    cgroup: str | None


@dataclass(frozen=True, slots=True)
class Onlook:
    """What one look showed: MiB in use by GPU, processes, and the container of each pod."""

    used_mib: Mapping[str, float | None]
    processes: Sequence[Process]
    containers: Mapping[UUID, str]

    def foreign(self, holders: Mapping[str, UUID]) -> list[Process]:
        """List the processes on rented GPUs that run outside of the container of the GPU's renter."""
        return [
            process
            for process in self.processes
            if process.gpu in holders
            and process.cgroup is not None
            and self.containers.get(holders[process.gpu], "?") not in process.cgroup
        ]

    def unexplained_mib(self, holders: Iterable[str]) -> float | None:
        """Give the most that is held on a rented GPU beyond what its processes hold; None where that is not known."""
        return max((left for gpu in holders if (left := self._left(gpu)) is not None), default=None)

    def _left(self, gpu: str) -> float | None:
        used = self.used_mib.get(gpu)
        held = [process.mib for process in self.processes if process.gpu == gpu]
        if used is None or None in held:
            return None
        return used - sum(mib for mib in held if mib is not None)


def ask(machine: Machine, *, program: str, market_id: str) -> Onlook:
    """Ask a machine; ``program`` is its nvidia-smi, or the stand-in of simulated GPUs.

    :raises NotTold: it gives no answer that can be read. :raises MachineError: it gives none.
    """
    label = f"{MARKET_LABEL}={market_id}"
    argv = ["timeout", "-k", "5", "30", "sh", "-c", LOOK, "sh", program, label, POD_LABEL]
    found = machine.run(argv, timeout=terms.DELIVER_SECONDS)
    if found.exit_status:
        raise NotTold(f"nvidia-smi or docker ended with {found.exit_status} there.")
    return read(found.stdout.decode("ascii", "replace"))


def program_of(node: Node) -> str:
    """Give what answers as nvidia-smi on a node."""
    return f"{simulated_directory(node.state_dir)}/nvidia-smi" if node.simulated else "nvidia-smi"


def read(text: str) -> Onlook:
    """Read what the look printed.

    :raises NotTold: it is something else.
    """
    try:
        gpus, processes, pods, groups = text.split("--\n")
        cgroups = _cgroups(groups)
        return Onlook(
            used_mib={uuid: _mib(used) for uuid, used in _rows(gpus)},
            processes=[
                Process(gpu, _mib(mib), cgroups.get(pid)) for gpu, pid, mib in _rows(processes)
            ],
            containers={UUID(pod): container for container, pod in _ROW.findall(pods)},
        )
    except ValueError as error:
        raise NotTold("What it printed of its GPUs cannot be read.") from error


def _rows(text: str) -> Iterable[list[str]]:
    return (row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row)


def _cgroups(text: str) -> dict[str, str]:
    """Join the lines of each process: it is in several hierarchies on an older kernel."""
    groups: dict[str, str] = {}
    for line in text.splitlines():
        pid, _, group = line.partition(" ")
        groups[pid] = f"{groups.get(pid, '')}{group}\n"
    return groups


def _mib(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None  # "[N/A]"
