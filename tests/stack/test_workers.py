"""The market's workers, as the database sees them."""

from tests.market import LiveMarket

SESSIONS = """
import time
from django.db import connection

def sessions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]

for look in range(3):
    before = sessions()
    time.sleep(6)
    if (new := sessions() - before) <= 3:
        break
print("new:", new)
"""


def test_keep_their_connections_from_task_to_task(market: LiveMarket) -> None:
    """A dozen tasks run meanwhile; a worker may take one more while two of them run side by side, and at its start."""
    printed = market.manage("shell", text=SESSIONS)

    assert int(printed.split("new:")[1]) <= 3
