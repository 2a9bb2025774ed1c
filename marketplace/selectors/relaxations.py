"""Why nothing matches: how many nodes would, without one of the filters, counted in one query."""

from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from marketplace.filters import OfferFilters
from marketplace.selectors.offers import RENTABLE


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A filter by its field's name, and how many nodes match once it is gone."""

    field: str
    count: int


def relaxations(filters: OfferFilters) -> list[Relaxation]:
    """Count the nodes that match without each filter in turn; those that help, most first."""
    # Built per removed filter, because a pod size changes what a floor on CPU, memory and disk means.
    active = filters.active()
    if not active:
        return []
    columns, params = list[str](), list[Any]()
    for field in active:
        left = replace(filters, **{field: _NONE[field]}).active().values()
        condition = " AND ".join(f"({clause.sql})" for clause in left) or "TRUE"
        columns.append(f"count(*) FILTER (WHERE {condition})")
        params.extend(value for clause in left for value in clause.params)
    sql = f"SELECT {', '.join(columns)} FROM marketplace_node WHERE {RENTABLE}"  # noqa: S608  # no values
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        counts = cursor.fetchone()
    found = [Relaxation(field, count) for field, count in zip(active, counts, strict=True)]
    return sorted((row for row in found if row.count), key=lambda row: -row.count)


_NONE = {name: getattr(OfferFilters(), name) for name in OfferFilters.__dataclass_fields__}
