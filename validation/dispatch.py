"""Nudges to workers, on commit and by name."""

from typing import Final

from core import doorbell

PROVE: Final = "validation.tasks.prove_node"
# With the checks of machines: minutes of work, for which neither probes nor starts may wait.
QUEUE: Final = "checks"


def prove(proof_id: int) -> None:
    """Have a worker run a proof."""
    doorbell.ring(PROVE, queue=QUEUE, proof_id=proof_id)
