"""What the market knows of its chain; asks no node."""

from datetime import datetime, timedelta
from typing import Final

from billing.models import ChainCursor

# The watcher looks every few seconds; this much silence is more than one answer that came late.
SILENCE: Final = timedelta(seconds=60)


def newest() -> ChainCursor | None:
    """Give the watcher's own record; None before its first block."""
    return ChainCursor.objects.order_by("-read_at").first()


def unknown_since(*, now: datetime) -> datetime | None:
    """Say since when nothing is known of the chain; None where it is known, or was never read.

    Meanwhile nothing may be closed that a payment could keep open.
    """
    cursor = newest()
    return cursor.read_at if cursor is not None and now - cursor.read_at > SILENCE else None


def keep_problem(words: str) -> None:
    """Keep why the chain could not be read, for the operator; the next reading clears it."""
    cursor = newest()
    if cursor is not None and cursor.problem != words[:500]:
        ChainCursor.objects.filter(pk=cursor.pk).update(problem=words[:500])
