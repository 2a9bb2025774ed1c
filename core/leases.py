"""Leases on rows: claim in a short transaction, work with none open, apply only while the token holds.

A leased model has ``lease_token`` (UUID, null) and ``lease_until`` (datetime, null). A lease is short and renewed as
long as its worker lives, so that what a dead worker left is taken up soon.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet

from core import clock
from core.clock import Clock

log = structlog.get_logger(__name__)
LEASE: Final = timedelta(seconds=30)
RENEWAL_SECONDS: Final = 10.0
LAST_RENEWAL_SECONDS: Final = 10.0


@contextmanager
def held(rows: QuerySet[Any], *, pk: int, now: Clock = clock.now) -> Iterator[UUID | None]:
    """Hold a row's lease for the block, or give None when somebody else has it."""
    token = claim(rows, pk=pk, now=now(), hold_for=LEASE)
    if token is None:
        yield None
        return
    renewal = _Renewal(rows, pk, token, now)
    renewal.start()
    try:
        yield token
    finally:
        renewal.stop()
        release(rows, pk=pk, token=token)


def claim(rows: QuerySet[Any], *, pk: int, now: datetime, hold_for: timedelta) -> UUID | None:
    """Take the lease of a row, or give None when somebody else holds it."""
    token = uuid4()
    won = rows.filter(free(now), pk=pk).update(lease_token=token, lease_until=now + hold_for)
    return token if won else None


def free(now: datetime) -> Q:
    """Match the rows whose lease nobody holds."""
    return Q(lease_until=None) | Q(lease_until__lt=now)


def release(rows: QuerySet[Any], *, pk: int, token: UUID) -> bool:
    """Give a lease back; False when it was lost meanwhile."""
    mine = rows.filter(pk=pk, lease_token=token)
    return bool(mine.update(lease_token=None, lease_until=None))


class _Renewal(threading.Thread):
    """Pushes a lease's end ahead until it is stopped; a dead worker renews nothing."""

    def __init__(self, rows: QuerySet[Any], pk: int, token: UUID, now: Clock) -> None:
        super().__init__(name=f"lease-{token}", daemon=True)
        self._rows, self._pk, self._token, self._now = rows, pk, token, now
        self._done = threading.Event()

    def stop(self) -> None:
        """End the thread; it never outlives the block."""
        self._done.set()
        if self.is_alive():
            self.join(timeout=LAST_RENEWAL_SECONDS)

    def run(self) -> None:
        """Renew until stopped or lost."""
        try:
            while not self._done.wait(RENEWAL_SECONDS) and self._renew():
                pass
        finally:
            connection.close()

    def _renew(self) -> bool:
        mine = self._rows.filter(pk=self._pk, lease_token=self._token)
        try:
            return bool(mine.update(lease_until=self._now() + LEASE))
        except DatabaseError as error:
            log.warning("lease.not_renewed", pk=self._pk, error=str(error))
            return True
