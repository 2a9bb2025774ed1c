"""Empties the database after a test that commits. Loaded as a pytest plugin.

Django truncates every table there is, and makes its permissions anew: nearly a second, for tables that were empty.
"""

from functools import cache

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase

# What migrating leaves behind, as it was.
KEPT = frozenset({"auth_permission", "django_content_type"})

_truncate = TransactionTestCase._fixture_teardown


@pytest.fixture(autouse=True, scope="session")
def _quick_to_empty() -> None:
    TransactionTestCase._fixture_teardown = _empty


def _empty(case: TransactionTestCase) -> None:
    """Delete all rows at once, with neither triggers nor foreign keys looking: the ledger's refuse to forget."""
    if not _may_look_away():
        _truncate(case)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = replica; {_deletions()}")


@cache
def _may_look_away() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        return bool(cursor.fetchone()[0])


@cache
def _deletions() -> str:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return "; ".join(f'DELETE FROM "{table}"' for table in sorted(set(tables) - KEPT))
