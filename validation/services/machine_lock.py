"""One proof at a time on a machine, whatever the rows say: an advisory lock that ends with its connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection

# "prf" in ASCII: keeps these locks apart from others of the same database.
CLASS: Final = 0x707266


@contextmanager
def held(node_id: int) -> Iterator[bool]:
    """Hold a machine's lock for the block; False where another worker has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [CLASS, node_id])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [CLASS, node_id])
