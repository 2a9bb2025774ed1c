"""Figures that are measured again and again: one sample of a network says little."""

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from marketplace.models import Node

# What a machine is listed with is the median of so many, the newest.
TYPICAL_OF: Final = 5
HISTORY: Final = 100
NAMES: Final = ("download", "upload")
SPREADS: Final = """
SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE place <= %(typical)s),
    percentile_cont(0.1) WITHIN GROUP (ORDER BY value), count(*)
FROM (SELECT fact.name, sample.value::float AS value,
        row_number() OVER (PARTITION BY fact.id ORDER BY sample.measured_at DESC, sample.id DESC) AS place
      FROM marketplace_factsample sample JOIN marketplace_fact fact ON fact.id = sample.fact_id
      WHERE fact.node_id = %(node)s AND fact.name = ANY(%(names)s) AND sample.value IS NOT NULL) newest
WHERE place <= %(history)s GROUP BY name
"""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure came out: ``median`` of the newest few, as it is listed, and the tenth percentile of ``count``."""

    median: float
    p10: float
    count: int

    @property
    def of(self) -> int:
        """Say of how many the median is."""
        return min(self.count, TYPICAL_OF)


def spreads(node: Node) -> dict[str, Spread]:
    """Give the spread of each figure of a node that is measured again and again, by name."""
    asked: dict[str, Any] = {
        "node": node.pk,
        "names": list(NAMES),
        "typical": TYPICAL_OF,
        "history": HISTORY,
    }
    with connection.cursor() as cursor:
        cursor.execute(SPREADS, asked)
        return {name: Spread(*row) for name, *row in cursor.fetchall()}
