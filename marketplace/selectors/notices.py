"""What is announced about a machine."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from marketplace.models import Node, Notice

REMOVAL_LEAD: Final = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time."""

    starts_at: datetime
    ends_at: datetime


def standing_notices() -> QuerySet[Notice]:
    """Select the notices that are neither cancelled nor over."""
    return Notice.objects.filter(cancelled_at=None, ended_at=None)


def open_notice(node: Node) -> Notice | None:
    """Give the notice of a node that is neither cancelled nor over."""
    return standing_notices().filter(node=node).first()


def in_maintenance(*, now: datetime) -> Exists:
    """Give the condition on nodes that an announced maintenance runs: their silence is no surprise."""
    begun = standing_notices().filter(permanent=False, starts_at__lte=now)
    return Exists(begun.filter(node=OuterRef("pk")))


def kind_of(notice: Notice) -> str:
    """Name what is announced, in one word for people."""
    return "Removal" if notice.permanent else "Maintenance"


def is_early(notice: Notice) -> bool:
    """Say whether a removal comes sooner than renters were promised."""
    return notice.permanent and notice.starts_at - notice.created_at < REMOVAL_LEAD


def overdue(notice: Notice, *, now: datetime) -> bool:
    """Say whether the time of a removal has come."""
    return notice.permanent and notice.starts_at <= now


def last_maintenance(node_id: int, *, now: datetime) -> Window | None:
    """Give the newest maintenance of a node that has begun, until it ended or is to end."""
    begun = Notice.objects.filter(node_id=node_id, permanent=False, starts_at__lte=now)
    took_place = begun.filter(Q(cancelled_at=None) | Q(cancelled_at__gt=F("starts_at")))
    notice = took_place.order_by("-starts_at").first()
    if notice is None or notice.ends_at is None:
        return None
    return Window(notice.starts_at, min(notice.ends_at, notice.cancelled_at or notice.ends_at))
