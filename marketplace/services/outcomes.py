"""How starts went: counters on the node, and the typical time to readiness."""

from datetime import datetime
from statistics import median
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from marketplace.models import Node, StartOutcome
from marketplace.selectors.same_machine import entries_of_machine

RECENT: Final = 20


def record_start(*, node_id: int, proven: bool, seconds: float | None, now: datetime) -> None:
    """Record that a start was proven ready, or that the node failed it.

    A start that the renter cancelled, or whose image does not exist, is neither: do not record it.
    """
    with transaction.atomic():
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        StartOutcome.objects.create(
            node=node, proven=proven, ready_seconds=seconds if proven else None, occurred_at=now
        )
        node.starts_proven += proven
        node.starts_failed += not proven
        # The pod's GPUs were counted over SSH: the freshest proof there is.
        node.last_verified_at = now if proven else node.last_verified_at
        node.typical_ready_seconds = _typical(node)
        node.save(
            update_fields=[
                "starts_proven",
                "starts_failed",
                "typical_ready_seconds",
                "last_verified_at",
                "updated_at",
            ]
        )


def carry_over(node: Node) -> None:
    """Give a node the record of its machine, whatever it was on the market as; the caller holds the row lock."""
    starts = _starts(node)
    node.starts_proven = starts.filter(proven=True).count()
    node.starts_failed = starts.filter(proven=False).count()
    node.typical_ready_seconds = _typical(node)
    node.save(
        update_fields=["starts_proven", "starts_failed", "typical_ready_seconds", "updated_at"]
    )


def _starts(node: Node) -> QuerySet[StartOutcome]:
    return StartOutcome.objects.filter(node__in=entries_of_machine(node))


def _typical(node: Node) -> float | None:
    proven = _starts(node).filter(proven=True, ready_seconds__isnull=False)
    seconds = list(proven.order_by("-id").values_list("ready_seconds", flat=True)[:RECENT])
    return median(value for value in seconds if value is not None) if seconds else None
