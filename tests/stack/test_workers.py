"""The market's workers, as the database sees them."""

from tests.market import LiveMarket

SESSIONS = """
import time
from django.db import connection

def sessions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]

before = sessions()
time.sleep(6)
print("new:", sessions() - before)
"""


def test_keep_their_connections_from_task_to_task(market: LiveMarket) -> None:
    """A dozen tasks run meanwhile; a worker may take one more while two of them run side by side."""
    printed = market.manage("shell", text=SESSIONS)

    assert int(printed.split("new:")[1]) <= 3
