"""The receipt of a pod that ended: what was quoted, what was charged, line by line."""

from uuid import uuid4

from django.db import models

from rentals.models.pod import Pod


class Receipt(models.Model):
    """Written once when a pod is removed or has failed; a failed start has one that says 0."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    pod = models.OneToOneField(Pod, on_delete=models.PROTECT, related_name="receipt")
    ready_seconds = models.DecimalField(max_digits=16, decimal_places=6)
    hourly_price_usd = models.DecimalField(max_digits=30, decimal_places=9)
    charged_usd = models.DecimalField(max_digits=30, decimal_places=9)
    lines = models.JSONField()
    close_reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"receipt of {self.pod_id}: {self.charged_usd} USD"
