"""Which providers owe renters money back: they are not paid before."""

from datetime import datetime
from uuid import UUID

from marketplace.selectors.notices import is_early, standing_notices
from rentals.models import PodEvent, PodStatus
from rentals.reasons import Reason
from rentals.services import refunds
from rentals.services.announcements import REMEMBERED


def owing(*, now: datetime) -> set[UUID]:
    """Give the providers, by public id, who take a machine back early and whose renters are not refunded yet."""
    return _announced() | _unpaid(now)


def _announced() -> set[UUID]:
    removals = standing_notices().filter(permanent=True).select_related("node__provider")
    return {notice.node.provider.public_id for notice in removals if is_early(notice)}


def _unpaid(now: datetime) -> set[UUID]:
    ended = PodEvent.objects.filter(
        to_status=PodStatus.REMOVING,
        reason_code=Reason.RECLAIMED_EARLY.code,
        occurred_at__gte=now - REMEMBERED,
    )
    pods = [event.pod for event in ended.select_related("pod__node__provider")]
    return {pod.node.provider.public_id for pod in pods if refunds.owed(pod)}
