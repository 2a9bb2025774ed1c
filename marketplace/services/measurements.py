"""Writing facts: each figure with who measured it, when, and how often that failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from marketplace.models import Fact, FactSample, Node
from marketplace.selectors.repeated import TYPICAL_OF


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A figure of one look; ``measured`` None means that it was tried and could not be read.

    ``claimed`` None leaves the claim that stands: only who made it takes it back.
    """

    name: str
    unit: str = ""
    claimed: str | None = None
    measured: str | None = None
    tried: bool = True


def claim(node: Node, claims: Mapping[str, str], *, now: datetime) -> None:
    """Write down what a provider says of a node; measurements stay beside it. The caller holds the row lock."""
    figures = [Figure(name=name, claimed=said, tried=False) for name, said in claims.items()]
    record(node, figures, by="", now=now)


def record(node: Node, figures: Sequence[Figure], *, by: str, now: datetime) -> None:
    """Write the figures of one look; what could not be read keeps its last value and counts a failure.

    The caller holds the node's row lock.
    """
    known = {fact.name: fact for fact in node.facts.all()}
    facts = [_updated(known.get(figure.name), node, figure, by, now) for figure in figures]
    Fact.objects.bulk_create(
        facts,
        update_conflicts=True,
        unique_fields=["node", "name"],
        update_fields=[
            "unit",
            "claimed",
            "measured",
            "measured_by",
            "measured_at",
            "samples",
            "failures",
        ],
    )
    FactSample.objects.bulk_create(
        FactSample(fact=fact, value=figure.measured, measured_by=by, measured_at=now)
        for fact, figure in zip(facts, figures, strict=True)
        if figure.tried
    )


def typical(node: Node, name: str, *, also: float | None = None) -> float | None:
    """Give the median of a figure's last five samples, ``also`` being the newest; None where there is none."""
    known = FactSample.objects.filter(fact__node=node, fact__name=name, value__isnull=False)
    newest = [] if also is None else [also]
    rows = known.order_by("-measured_at", "-pk").values_list("value", flat=True)
    samples = newest + [float(value or 0) for value in rows[: TYPICAL_OF - len(newest)]]
    return median(samples) if samples else None


def _updated(fact: Fact | None, node: Node, figure: Figure, by: str, now: datetime) -> Fact:
    fact = fact or Fact(node=node, name=figure.name)
    fact.unit = figure.unit
    if figure.claimed is not None:
        fact.claimed = figure.claimed
    if not figure.tried:
        return fact
    if figure.measured is None:
        fact.failures += 1
        return fact
    fact.measured, fact.measured_by, fact.measured_at = figure.measured, by, now
    fact.samples += 1
    return fact
