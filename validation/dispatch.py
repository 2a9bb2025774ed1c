"""Nudges to workers, on commit and by name."""

from typing import Final

from core import doorbell

PROVE: Final = "validation.tasks.prove_node"
# With the checks of machines, which do not wait for it: each proof has a thread of its own.
QUEUE: Final = "checks"


def prove(proof_id: int) -> None:
    """Have a worker run a proof."""
    doorbell.ring(PROVE, queue=QUEUE, proof_id=proof_id)
