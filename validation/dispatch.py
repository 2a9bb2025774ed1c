"""Nudges to workers, on commit and by name."""

from typing import Final

from core import doorbell

PROVE: Final = "validation.tasks.prove_node"


def prove(proof_id: int) -> None:
    """Have a worker run a proof."""
    doorbell.ring(PROVE, queue="validate", proof_id=proof_id)
