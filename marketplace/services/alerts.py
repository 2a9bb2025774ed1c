"""Alerts to operators: opened once, closed when it is over."""

from datetime import datetime

import structlog

from marketplace.models import Alert

log = structlog.get_logger(__name__)


def open_alert(*, kind: str, detail: str, now: datetime) -> Alert:
    """Open an alert of a kind, or give the one that is open."""
    alert, created = Alert.objects.get_or_create(
        kind=kind, closed_at=None, defaults={"detail": detail[:500], "opened_at": now}
    )
    if created:
        log.error("alert.opened", kind=kind, detail=detail)
    return alert


def close_alert(*, kind: str, now: datetime) -> bool:
    """Close the open alert of a kind; False where none was open."""
    closed = Alert.objects.filter(kind=kind, closed_at=None).update(closed_at=now)
    if closed:
        log.info("alert.closed", kind=kind)
    return bool(closed)
