"""What a provider may know of the pods on their machines: that they run, how big they are, what they earn."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from marketplace.hooks import NodePod
from rentals.models import Pod, PodStatus

# Stretches of proven readiness; an open one goes on.
USED: Final = """
SELECT pod.node_id, sum(pod.gpu_count * extract(epoch FROM
    least(coalesce(ready.ended_at, %(until)s), %(until)s) - greatest(ready.started_at, %(since)s)))::float
FROM rentals_readyinterval ready JOIN rentals_pod pod ON pod.id = ready.pod_id
WHERE pod.node_id = ANY(%(nodes)s) AND ready.started_at < %(until)s
AND coalesce(ready.ended_at, 'infinity') > %(since)s
GROUP BY pod.node_id
"""


def pods_on(node_ids: Collection[int]) -> Mapping[int, Sequence[NodePod]]:
    """List the pods that are not removed by node, oldest first; who rents them is nobody else's business."""
    rows = Pod.objects.listed().with_hold().filter(node__in=node_ids).select_related("meter")
    by_node: dict[int, list[NodePod]] = defaultdict(list)
    for pod in rows.order_by("pk"):
        by_node[pod.node_id].append(_told(pod))
    return by_node


def rented_gpu_seconds(
    node_ids: Collection[int], since: datetime, until: datetime
) -> Mapping[int, float]:
    """Sum up the GPU-seconds between two moments in which pods were proven ready, by node."""
    asked: dict[str, Any] = {"nodes": list(node_ids), "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(USED, asked)
        return dict(cursor.fetchall())


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
