"""What pages of several floors show of proofs."""

from typing import Any

from core import clock
from marketplace.models import Node
from validation import selectors
from validation.services import wanting


def passport(node: Node) -> dict[str, Any]:
    """Give what a machine's public page shows."""
    return {"node": node, "proofs": selectors.machine_proofs(node)}


def console(node: Node) -> dict[str, Any]:
    """Give what a machine's page shows to its provider: why none can be asked for, too."""
    return {**passport(node), "obstacle": wanting.refusal(node, now=clock.now())}
