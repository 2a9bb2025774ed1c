"""Other entries of the market that are the same machine, or have the same GPUs, as a node."""

from collections.abc import Collection

from marketplace.models import Node, NodeGpu
from marketplace.simulated import is_simulated


def gpus_elsewhere(node: Node, uuids: Collection[str]) -> list[str]:
    """List those of some GPUs that another node has on the market, or that pods of a delisted one hold."""
    real = [uuid for uuid in uuids if not is_simulated(uuid)]
    others = NodeGpu.objects.filter(uuid__in=real, given_up_at=None).exclude(node=node)
    return sorted(others.values_list("uuid", flat=True))
