"""The market's workers, as the database sees them."""

from tests.market import LiveMarket

BACKENDS = """
import time
from django.db import connection

def backends():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid for (pid,) in cursor}

before = backends()
time.sleep(6)
print("new:", len(backends() - before))
"""


def test_keep_their_connections_from_task_to_task(market: LiveMarket) -> None:
    """A dozen tasks run meanwhile; a worker may take one more while two of them run side by side."""
    printed = market.manage("shell", text=BACKENDS)

    assert int(printed.split("new:")[1]) <= 2
