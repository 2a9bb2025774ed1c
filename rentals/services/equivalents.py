"""The refusal of a node that is not free: it names what comes nearest."""

from collections.abc import Sequence
from typing import Any

from core.errors import Conflict
from marketplace import selectors as market
from marketplace.models import Node
from marketplace.services.reservations import NoCapacity


class NodeTaken(Conflict):
    """The node cannot give what was asked for now; the nearest equivalents are offered."""

    code = "node_taken"
    nodes: Sequence[Node] = ()


def not_free(node: Node, gpu_count: int, why: NoCapacity) -> NodeTaken:
    """Refuse for the reason that the node gave, with the nearest equivalents that are free now."""
    nodes = list(market.equivalents(node=node, gpu_count=gpu_count, limit=3))
    nearest = "No equivalent is free now."
    if nodes:
        price = nodes[0].price_per_gpu_usd * gpu_count
        where = f"{nodes[0].huid} ({nodes[0].public_id})"
        nearest = f"The nearest equivalent is {where} at ${price:.4f} an hour."
    refusal = NodeTaken(
        why.message,
        hint=f"{why.hint} {nearest}",
        data={**why.data, "equivalents": [_offer(near, gpu_count) for near in nodes]},
    )
    refusal.nodes = nodes
    return refusal


def _offer(node: Node, gpu_count: int) -> dict[str, Any]:
    return {
        "executor_id": str(node.public_id),
        "name": node.huid,
        "gpu_count": gpu_count,
        "price_per_hour": float(node.price_per_gpu_usd * gpu_count),
    }
