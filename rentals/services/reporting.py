"""Telling the marketplace what a pod taught us of its node: statistics, after the fact and on their own."""

from datetime import datetime

import structlog
from django.db import DatabaseError, transaction

from marketplace.services import outcomes, usage
from rentals.models import Pod, PodStatus
from rentals.reasons import node_at_fault

log = structlog.get_logger(__name__)


def tell_market(pod: Pod, *, source: PodStatus, now: datetime) -> None:
    """Write down a first proof, a failed start or an end; a failure here changes nothing of the pod."""
    try:
        with transaction.atomic():
            _tell(pod, source, now)
    except DatabaseError as error:
        log.warning("market.not_told", pod=str(pod.public_id), error=str(error))


def _tell(pod: Pod, source: PodStatus, now: datetime) -> None:
    if source is PodStatus.PENDING and pod.status == PodStatus.RUNNING:
        seconds = (now - pod.created_at).total_seconds()
        outcomes.record_start(node_id=pod.node_id, proven=True, seconds=seconds, now=now)
        _hand_over(pod, to_renter=True, now=now)
    elif pod.status == PodStatus.FAILED and node_at_fault(pod.status_reason_code):
        outcomes.record_start(node_id=pod.node_id, proven=False, seconds=None, now=now)
    elif source is PodStatus.REMOVING and pod.status == PodStatus.REMOVED and pod.ready_at:
        _hand_over(pod, to_renter=False, now=now)


def _hand_over(pod: Pod, *, to_renter: bool, now: datetime) -> None:
    usage.record_hand_over(
        node_id=pod.node_id,
        holder=pod.public_id,
        to_renter=to_renter,
        gpu_count=pod.gpu_count,
        now=now,
    )
