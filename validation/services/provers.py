"""Starting a prover on a machine: simulated cards run under its own Python, real ones in a container without a network."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from django.conf import settings

from core.errors import DomainError
from marketplace.machine import Conversation, Machine
from marketplace.models import GpuAccess, Node
from validation import terms
from validation.proof.parameters import Parameters, product_bytes, products_that_fill
from validation.services import artifacts

FOLDER: Final = "prover"
# Where a market keeps programs for its own machines, before the machine's own.
# Simulated cards make way for whatever else the machine does.
ON_PATH: Final = 'PATH="$1/bin:$PATH"; export PATH; shift; exec nice -n 10 timeout -k 5 "$@"'
DELIVER: Final = 'mkdir -p "$(dirname "$1")" && test -s "$1"'
CONTAINER: Final = (
    "--rm", "--interactive", "--network=none", "--read-only", "--tmpfs=/tmp",
    "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=512",
)  # fmt: skip


class NotRunnable(DomainError):
    """This market cannot run a prover there; it is no fault of the machine."""

    code = "prover_not_runnable"


def parameters_of(node: Node) -> Parameters:
    """Say how large a proof of each of a machine's cards is: all of the memory that it is listed with."""
    if node.simulated:
        return Parameters(
            n=settings.MARKET_PROOF_SIMULATED_N,
            products=settings.MARKET_PROOF_SIMULATED_PRODUCTS,
            sweeps=settings.MARKET_PROOF_SWEEPS,
            openings=settings.MARKET_PROOF_OPENINGS,
        )
    n = settings.MARKET_PROOF_N
    return Parameters(
        n=n,
        products=products_that_fill(node.gpu_model.memory_mib << 20, n=n),
        sweeps=settings.MARKET_PROOF_SWEEPS,
        openings=settings.MARKET_PROOF_OPENINGS,
    )


def memory_of_simulated(parameters: Parameters) -> int:
    """Give the bytes that a simulated card has: what its proof fills."""
    return parameters.products * product_bytes(parameters.n)


@contextmanager
def started(machine: Machine, node: Node) -> Iterator[Conversation]:
    """Put the prover on a machine, start it, and end it with the block.

    :raises MachineError: that did not work. :raises NotRunnable: this market is not set up for it.
    """
    program = _deliver(machine, node.state_dir)
    if node.simulated:
        with machine.converse(_simulated(node, program)) as talk:
            yield talk
        return
    image, name = _image(machine), f"lium-proof-{node.public_id.hex[:12]}"
    # One of a broken connection may be left, with the memory of every card.
    machine.run(["docker", "rm", "--force", name], timeout=terms.DELIVER_SECONDS)
    try:
        with machine.converse(contained(node, program, image=image, name=name)) as talk:
            yield talk
    finally:
        machine.run(["docker", "rm", "--force", name], timeout=terms.DELIVER_SECONDS)


def _deliver(machine: Machine, state_dir: str) -> str:
    data = artifacts.prover()
    path = f"{state_dir}/{FOLDER}/prove-{sha256(data).hexdigest()[:16]}.pyz"
    found = machine.run(["sh", "-c", DELIVER, "sh", path], timeout=terms.DELIVER_SECONDS)
    if found.exit_status != 0:
        machine.put(path, data, mode=0o644, timeout=terms.DELIVER_SECONDS)
    return path


def _simulated(node: Node, program: str) -> Sequence[str]:
    uuids = list(node.gpus.order_by("position").values_list("uuid", flat=True))
    memory = memory_of_simulated(parameters_of(node))
    command = ["python3", "-I", program, "--simulated", str(len(uuids)), "--memory", str(memory)]
    for uuid in uuids:
        command += ["--uuid", uuid]
    seconds = str(terms.LONGEST_SECONDS)
    return ["sh", "-c", ON_PATH, "sh", node.state_dir, seconds, *command]


def contained(node: Node, program: str, *, image: str, name: str) -> Sequence[str]:
    """Give the command that runs the prover on a machine's real GPUs, all of them and nothing else."""
    gpus = (
        ["--device", "nvidia.com/gpu=all"]
        if node.gpu_access == GpuAccess.CDI
        else ["--gpus", "all"]
    )
    mount = ["--volume", f"{program}:/prove.pyz:ro"]
    run = ["docker", "run", "--name", name, *CONTAINER, *gpus, *mount, image]
    return ["timeout", "-k", "5", str(terms.LONGEST_SECONDS), *run, "python3", "/prove.pyz"]


def _image(machine: Machine) -> str:
    """Have the image on the machine, outside of every timer.

    :raises NotRunnable: none is named. :raises MachineError: it could not be pulled.
    """
    image: str = settings.MARKET_PROVER_IMAGE
    if not image:
        raise NotRunnable(
            "This market names no image for its prover.",
            hint="Set MARKET_PROVER_IMAGE to an image with Python, NumPy, PyCUDA and CUDA, by digest.",
        )
    if "@sha256:" not in image:
        raise NotRunnable(
            "This market names an image for its prover that may change at any time.",
            hint="Set MARKET_PROVER_IMAGE to an image by digest: NAME@sha256:…",
        )
    known = machine.run(["docker", "image", "inspect", image], timeout=terms.DELIVER_SECONDS)
    if known.exit_status != 0:
        machine.check(["docker", "pull", "--quiet", image], timeout=terms.PULL_SECONDS)
    return image
