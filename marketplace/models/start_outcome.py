"""How starts on a node went: the evidence behind "n of N starts worked" and "typically ready in"."""

from django.db import models
from django.db.models import F

from marketplace.models.node import Node


class StartOutcome(models.Model):
    """One start that was proven, or that the node failed; a renter's own cancellation is neither."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="start_outcomes")
    proven = models.BooleanField()
    ready_seconds = models.FloatField(null=True, blank=True)
    occurred_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index("node", F("id").desc(), name="start_outcome_latest"),
            models.Index(fields=["occurred_at"], name="start_outcome_by_time"),
        ]

    def __str__(self) -> str:
        return f"{'proven' if self.proven else 'failed'} on {self.node_id}"
