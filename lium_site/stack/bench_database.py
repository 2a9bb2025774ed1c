"""A database of a bench's own, and the environment in which the market works on it."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

from lium_site.stack import application
from lium_site.stack.credentials import made_up


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """Make a database of our own on the server, whoever's server it is, and drop it afterwards."""
    name = f"market_bench_{secrets.token_hex(4)}"
    base, _, query = url.partition("?")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{base.rpartition('/')[0]}/{name}?{query}".rstrip("?")
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def environment_of(addresses: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a market that is made up for a bench."""
    invented = made_up()
    return {
        **application.base_environment(),
        **invented.environment(),
        **invented.logins(),
        **addresses,
        "DJANGO_SETTINGS_MODULE": "lium_site.settings.base",
        "MARKET_INSTANCE": "bench",
        "BENCH_DATABASE_URL": addresses["DATABASE_URL"],
    }
