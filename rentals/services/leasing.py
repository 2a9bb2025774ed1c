"""Holding the lease of a row while remote work goes on: short, and renewed as long as the worker lives."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.db.models import QuerySet

from core import clock, leases
from rentals import terms

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]


@contextmanager
def held(rows: QuerySet[Any], *, pk: int, now: Clock = clock.now) -> Iterator[UUID | None]:
    """Hold a row's lease for the block, or give None when somebody else has it."""
    token = leases.claim(rows, pk=pk, now=now(), hold_for=terms.LEASE)
    if token is None:
        yield None
        return
    renewal = _Renewal(rows, pk, token, now)
    renewal.start()
    try:
        yield token
    finally:
        renewal.stop()
        leases.release(rows, pk=pk, token=token)


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
            self.join(timeout=terms.CONNECT_SECONDS)

    def run(self) -> None:
        """Renew until stopped or lost."""
        try:
            while not self._done.wait(_PAUSE) and self._renew():
                pass
        finally:
            connection.close()

    def _renew(self) -> bool:
        held = self._rows.filter(pk=self._pk, lease_token=self._token)
        try:
            return bool(held.update(lease_until=self._now() + terms.LEASE))
        except DatabaseError as error:
            log.warning("lease.not_renewed", pk=self._pk, error=str(error))
            return True


_PAUSE: Final = leases.RENEWAL_SECONDS
