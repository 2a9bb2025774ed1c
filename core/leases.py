"""Leases on rows: claim in a short transaction, work with none open, apply only while the token holds.

A leased model has ``lease_token`` (UUID, null) and ``lease_until`` (datetime, null).
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Q, QuerySet


def claim(rows: QuerySet[Any], *, pk: int, now: datetime, hold_for: timedelta) -> UUID | None:
    """Take the lease of a row, or give None when somebody else holds it."""
    token = uuid4()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    won = rows.filter(free, pk=pk).update(lease_token=token, lease_until=now + hold_for)
    return token if won else None


def release(rows: QuerySet[Any], *, pk: int, token: UUID) -> bool:
    """Give a lease back; False when it was lost meanwhile."""
    held = rows.filter(pk=pk, lease_token=token)
    return bool(held.update(lease_token=None, lease_until=None))
