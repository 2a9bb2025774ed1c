"""Simulated cards as cards of a machine: what they say of themselves says that they are none."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from validation.prover.errors import ProverError
from validation.prover.simulated import SimulatedCard
from validation.prover.team import Card

MOST_CARDS: Final = 16
# What a small proof takes, where nobody says more.
MEMORY_BYTES: Final = 64 << 20


class LabelledCard(SimulatedCard):
    """A card of NumPy that says so."""

    facts: Mapping[str, int] = {}

    def __init__(self, uuid: str, memory_bytes: int = MEMORY_BYTES) -> None:
        super().__init__(uuid)
        self.memory_bytes = memory_bytes

    def release(self) -> None:
        """Hold nothing: NumPy's memory goes with the process."""

    def description(self) -> dict[str, Any]:
        """Return what this card claims to be."""
        return {
            "kind": "simulated",
            "name": "Simulated card (NumPy)",
            "memory_bytes": self.memory_bytes,
            "compute_capability": None,
            "driver": None,
        }


def cards(
    count: int, uuids: Sequence[str] | None = None, *, memory_bytes: int = MEMORY_BYTES
) -> list[Callable[[], Card]]:
    """Return what makes each card.

    :raises ProverError: if there are none or too many.
    """
    if not 1 <= count <= MOST_CARDS:
        raise ProverError(
            f"{count} cards cannot be simulated",
            why=f"a machine has 1 to {MOST_CARDS}",
            remedy=f"Give --simulated a number from 1 to {MOST_CARDS}",
        )
    return [partial(LabelledCard, uuid, memory_bytes) for uuid in uuids or map(_uuid, range(count))]


def _uuid(index: int) -> str:
    return f"GPU-51300000-0000-4000-8000-{index:012d}"
