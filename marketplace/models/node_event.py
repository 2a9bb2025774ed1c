"""Why a node is in the state it is in."""

from django.db import models

from marketplace.models.node import Node


class NodeEvent(models.Model):
    """One status change or notice, with actor and reason; the database refuses to change or delete it."""

    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="events")
    from_status = models.CharField(max_length=20, blank=True)
    to_status = models.CharField(max_length=20)
    reason_code = models.CharField(max_length=60)
    reason = models.CharField(max_length=500)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index("node", models.F("id").desc(), name="node_event_latest")]

    def __str__(self) -> str:
        return f"{self.node_id}: {self.from_status} -> {self.to_status} ({self.reason_code})"
