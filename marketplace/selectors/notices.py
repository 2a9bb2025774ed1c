"""What is announced about a machine."""

from collections.abc import Collection
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
    notice = _begun(now).filter(node_id=node_id).order_by("-starts_at").first()
    return _window(notice) if notice else None


def maintenances(
    node_ids: Collection[int], *, since: datetime, now: datetime
) -> dict[int, list[Window]]:
    """Give the maintenances of nodes that began after ``since``."""
    found: dict[int, list[Window]] = {}
    for notice in _begun(now).filter(node_id__in=node_ids, starts_at__gt=since):
        found.setdefault(notice.node_id, []).append(_window(notice))
    return found


def _begun(now: datetime) -> QuerySet[Notice]:
    begun = Notice.objects.filter(permanent=False, starts_at__lte=now)
    return begun.filter(Q(cancelled_at=None) | Q(cancelled_at__gt=F("starts_at")))


def _window(notice: Notice) -> Window:
    assert notice.ends_at is not None  # noqa: S101  # every maintenance has an end
    return Window(notice.starts_at, min(notice.ends_at, notice.cancelled_at or notice.ends_at))
