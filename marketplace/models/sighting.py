"""What a worker saw at a machine's address, for its provider to compare before anything is pinned."""

from django.db import models

from marketplace.models.node import Node


class HostKeySighting(models.Model):
    """The latest look at a node's host key: wanted, and once it is over the key or what went wrong."""

    node = models.OneToOneField(Node, on_delete=models.CASCADE, related_name="sighting")
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    host_key = models.TextField(blank=True)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"host key at {self.host}:{self.port}, {self.asked_at:%Y-%m-%d %H:%M}"
