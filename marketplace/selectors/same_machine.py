"""Other entries of the market that are the same machine, or have the same GPUs, as a node."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from marketplace.models import Node, NodeGpu
from marketplace.simulated import SIMULATED_UUID_PREFIX, is_simulated


def gpus_elsewhere(node: Node, uuids: Collection[str]) -> list[str]:
    """List those of some GPUs that another node has on the market, or that pods of a delisted one hold."""
    real = [uuid for uuid in uuids if not is_simulated(uuid)]
    others = NodeGpu.objects.filter(uuid__in=real, given_up_at=None).exclude(node=node)
    return sorted(others.values_list("uuid", flat=True))


def entries_of_machine(node: Node) -> QuerySet[Node]:
    """Select a node, and what its machine was on the market as before: by its host key, or by one of its GPUs.

    A record goes with the machine: who takes it off and adds it again, or reinstalls it, keeps what is said of it.
    """
    gpus = NodeGpu.objects.filter(node=node).exclude(uuid__startswith=SIMULATED_UUID_PREFIX)
    same_gpus = NodeGpu.objects.filter(uuid__in=gpus.values("uuid")).values("node")
    same = Q(pk__in=same_gpus)
    if node.host_key and node.proven_at:
        same |= Q(host_key=node.host_key)
    return Node.objects.filter(Q(pk=node.pk) | (same & Q(first_listed_at__isnull=False)))
