"""Our own record of looking at a node: when next, and how often it did not answer."""

from django.db import models

from marketplace.models import Node


class NodeWatch(models.Model):
    """The probe of all pods of one node through one session; leased, so that two never overlap."""

    node = models.OneToOneField(
        Node, on_delete=models.CASCADE, primary_key=True, related_name="watch"
    )
    next_look_at = models.DateTimeField(help_text="when its running pods are probed again")
    answered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="silent looks in a row")
    last_error = models.TextField(blank=True)
    unknown_containers = models.PositiveIntegerField(
        default=0, help_text="containers with our label and without a pod, at the last look"
    )
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "node watches"
        indexes = [models.Index(fields=["next_look_at"], name="node_watch_due")]

    def __str__(self) -> str:
        return f"watch of node {self.node_id}"
