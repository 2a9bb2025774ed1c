"""What is announced about a machine."""

from datetime import datetime

from marketplace.models import Node, Notice


def open_notice(node: Node) -> Notice | None:
    """Give the notice of a node that is neither cancelled nor over."""
    return Notice.objects.filter(node=node, cancelled_at=None, ended_at=None).first()


def kind_of(notice: Notice) -> str:
    """Name what is announced, in one word for people."""
    return "Removal" if notice.permanent else "Maintenance"


def overdue(notice: Notice, *, now: datetime) -> bool:
    """Say whether the time of a removal has come."""
    return notice.permanent and notice.starts_at <= now
