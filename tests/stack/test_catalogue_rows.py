"""The rows that the catalogue's bench measures with fit the tables as they are now."""

from collections.abc import Iterator

import psycopg
import psycopg.conninfo
import pytest
from django.core.management import call_command
from django.db import connection

from lium_site.stack.catalogue_bench import rows
from marketplace.models import Node


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[str]:
    """A seeded database, and few rows."""
    monkeypatch.setattr(rows, "ROWS", 20)
    monkeypatch.setattr(rows, "KEYS", 3)
    monkeypatch.setenv("MARKET_RENTER_PASSWORD", "a long enough password")
    monkeypatch.setenv("MARKET_RENTER_API_KEY", "sk_seeded")
    call_command("seed_market")
    made = connection.get_connection_params()
    names = ("host", "port", "dbname", "user", "password")
    yield psycopg.conninfo.make_conninfo(**{name: made[name] for name in names if made.get(name)})
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_machine, bench_token")


def test_rows_are_rentable(url: str) -> None:
    rows.fill(url)

    assert Node.objects.rentable().count() == 20

    rows.keep_only(url, 5)

    assert Node.objects.rentable().count() == 5
