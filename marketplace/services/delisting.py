"""A machine leaves the market: its record stays, and what nobody holds of it may be listed elsewhere."""

from datetime import datetime

from core.actors import Actor
from marketplace.models import Node
from marketplace.services import reservations
from marketplace.transitions import Reason, note


def leave(node: Node, *, reason: Reason, actor: Actor, now: datetime, detail: str) -> None:
    """Take a node off the market for good; harmless when it is off. The caller holds the row lock."""
    if node.delisted_at is not None:
        return
    node.delisted_at = now
    node.save(update_fields=["delisted_at", "updated_at"])
    reservations.give_up_gpus(node, now=now)
    note(node, reason=reason, actor=actor, now=now, detail=detail)
