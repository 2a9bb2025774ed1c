"""What a provider may know of the pods on their machines: that they run, how big they are, what they earn."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from marketplace.hooks import NodePod
from rentals.models import Pod, PodStatus


def pods_on(node_ids: Collection[int]) -> Mapping[int, Sequence[NodePod]]:
    """List the pods that are not removed by node, oldest first; who rents them is nobody else's business."""
    rows = Pod.objects.listed().with_hold().filter(node__in=node_ids).select_related("meter")
    by_node: dict[int, list[NodePod]] = defaultdict(list)
    for pod in rows.order_by("pk"):
        by_node[pod.node_id].append(_told(pod))
    return by_node


def _told(pod: Pod) -> NodePod:
    return NodePod(
        id=pod.public_id,
        name=pod.huid,
        status=pod.status.upper(),
        gpu_count=pod.gpu_count,
        hourly_price_usd=pod.hourly_price_usd,
        fee_rate=pod.fee_rate,
        created_at=pod.created_at,
        holds_gpus=pod.holds_gpus,
        is_billed=pod.meter.ready_since is not None,
        notice_hours=pod.notice_hours,
        hears_notices=pod.status != PodStatus.FAILED,
    )
