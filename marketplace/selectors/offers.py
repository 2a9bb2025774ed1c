"""The catalogue: one selection, as rows for a page and as JSON that the database builds."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from django.db import connection
from django.db.models import BooleanField, OrderBy, QuerySet
from django.db.models.expressions import RawSQL
from psycopg import Connection, Cursor

from core.tokens import digest
from marketplace.filters import Clause, OfferFilters, Order
from marketplace.models import Node

RENTABLE: Final = (
    "marketplace_node.status = 'available' AND marketplace_node.delisted_at IS NULL"
    " AND marketplace_node.frozen_at IS NULL AND marketplace_node.free_gpu_count > 0"
)
LIST: Final = """
SELECT convert_to(string_agg(offer_json, ','), 'UTF8') {key} FROM (
    SELECT offer_json FROM marketplace_node WHERE {where} ORDER BY {order} {cut}
) page
"""
# The caller's key in the same round trip; it changes nothing in a public list but the header that tells.
KEY_IS_LIVE: Final = """, EXISTS (
    SELECT FROM accounts_apikey api_key JOIN accounts_user holder ON holder.id = api_key.user_id
    WHERE api_key.digest = %s AND api_key.revoked_at IS NULL AND holder.is_active
    AND (api_key.expires_at IS NULL OR api_key.expires_at > now())
)"""


@dataclass(frozen=True, slots=True)
class OfferList:
    """A list of offers as JSON bytes; ``key_is_live`` is None where no key was sent."""

    body: bytes
    key_is_live: bool | None


def offers(filters: OfferFilters, order: Order | None = None) -> QuerySet[Node]:
    """Select the nodes that can be rented now and satisfy the filters, in a total order."""
    rows = Node.objects.rentable().select_related("gpu_model", "provider")
    for clause in filters.active().values():
        rows = rows.filter(_raw(clause, output_field=BooleanField()))
    keys = (order or Order()).keys(filters)
    return rows.order_by(*(_order_by(clause, descending) for clause, descending in keys))


def offers_json(
    filters: OfferFilters,
    order: Order,
    *,
    limit: int | None = None,
    offset: int = 0,
    api_key: str = "",
) -> OfferList:
    """Select as `offers` does and give the API's array, built by the database in one query; all rows without a limit."""
    sql, values = _statement(filters, order, bool(api_key), _cut(limit, offset))
    key = (digest(api_key),) if api_key else ()
    # Prepared on the server: planning would cost as much as running. Django's own cursor cannot.
    with connection.wrap_database_errors, Cursor(_psycopg()) as cursor:
        cursor.execute(sql, (*key, *values), prepare=True, binary=True)
        body, *live = cast(tuple[Any, ...], cursor.fetchone())
    return OfferList(body=b"[%b]" % (body or b""), key_is_live=live[0] if live else None)


@lru_cache(maxsize=512)
def _statement(
    filters: OfferFilters, order: Order, with_key: bool, cut: str
) -> tuple[bytes, tuple[Any, ...]]:
    clauses, keys = list(filters.active().values()), order.keys(filters)
    sql = LIST.format(
        key=KEY_IS_LIVE if with_key else "",
        where=" AND ".join([RENTABLE, *(f"({clause.sql})" for clause in clauses)]),
        order=", ".join(
            clause.sql + (" DESC NULLS LAST" if descending else "") for clause, descending in keys
        ),
        cut=cut,
    )
    asked = [*clauses, *(clause for clause, _ in keys)]
    return sql.encode(), tuple(value for clause in asked for value in clause.params)


def _cut(limit: int | None, offset: int) -> str:
    # Written out: to a limit that is a parameter no prepared plan fits, so each request would be planned anew,
    # which takes three times as long as running it.
    return f"LIMIT {'ALL' if limit is None else int(limit)} OFFSET {int(offset)}"


def _psycopg() -> Connection[Any]:
    connection.ensure_connection()
    return cast("Connection[Any]", connection.connection)


def _raw(clause: Clause, **options: Any) -> RawSQL:
    return RawSQL(f"({clause.sql})", clause.params, **options)  # noqa: S611  # values are parameters


def _order_by(clause: Clause, descending: bool) -> OrderBy:
    return OrderBy(_raw(clause), descending=descending, nulls_last=descending or None)
