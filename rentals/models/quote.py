"""A quote locks an itemised price for some minutes; the receipt is compared with it line by line."""

from uuid import uuid4

from django.db import models

from accounts.models import Workspace
from marketplace.models import Node


class Quote(models.Model):
    """A locked price for some GPUs of a node; ``lines`` as in the wire contract, amounts as strings."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="quotes")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="quotes")
    gpu_count = models.PositiveSmallIntegerField()
    hours = models.DecimalField(max_digits=9, decimal_places=3)
    price_per_gpu_usd = models.DecimalField(max_digits=30, decimal_places=9)
    hourly_price_usd = models.DecimalField(max_digits=30, decimal_places=9)
    fee_rate = models.DecimalField(max_digits=6, decimal_places=5)
    lines = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    extended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.gpu_count} GPUs of {self.node_id} at {self.hourly_price_usd}/h"
