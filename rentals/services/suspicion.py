"""When many nodes fall silent at once, the one thing that they share is us: then nothing is moved."""

from datetime import datetime

import structlog
from django.db.models import F, Q

from rentals import terms
from rentals.models import NodeWatch

log = structlog.get_logger(__name__)


def is_ours(*, now: datetime) -> bool:
    """Say whether so many nodes are newly silent that the fault is rather on our side."""
    since = now - terms.SUSPECT_WINDOW
    silent = Q(failed_at__gte=since) & (Q(answered_at=None) | Q(answered_at__lt=F("failed_at")))
    # A node that has been silent for long says nothing about this minute.
    newly = NodeWatch.objects.filter(silent, failures__lte=2 * terms.SILENT_LOOKS).count()
    answering = NodeWatch.objects.filter(answered_at__gte=since, failures=0).count()
    ours = newly >= terms.SUSPECT_NODES and newly >= terms.SUSPECT_SHARE * (newly + answering)
    if ours:
        log.error("market.suspects_itself", silent=newly, answering=answering)
    return ours
