"""Running something in a thread of its own: beside Playwright, whose loop and greenlets stay in its, or beside a lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Final, TypeVar

from django.db import connection

Result = TypeVar("Result")
PATIENCE: Final = 10


def apart(function: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own, and give what it gives."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def hanging_up(function: Callable[[], Result]) -> Result:
    """Call a function, and close the connection that its thread opened."""
    try:
        return function()
    finally:
        connection.close()


def until_somebody_waits() -> None:
    """Wait until a session of the database waits for a lock; in vain for a few seconds only."""
    deadline = monotonic() + PATIENCE
    while not _somebody_waits() and monotonic() < deadline:
        sleep(0.02)


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])
