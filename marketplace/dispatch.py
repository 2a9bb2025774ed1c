"""Nudges to workers, on commit and by name."""

from typing import Final

from core import doorbell

PROBE: Final = "marketplace.tasks.probe_node"


def probe_node(node_id: int) -> None:
    """Have a worker look whether a node answers."""
    doorbell.ring(PROBE, queue="validate", node_id=node_id)
