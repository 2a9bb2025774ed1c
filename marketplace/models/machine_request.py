"""What renters looked for and did not find: demand that providers can answer."""

from uuid import uuid4

from django.db import models
from django.db.models import Q

from accounts.models import Workspace
from marketplace.models.gpu_model import GpuModel


class MachineRequest(models.Model):
    """A renter's wish for machines of a kind; ``gpu_model`` null means that nobody sells it yet."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="machine_requests"
    )
    machine_name = models.CharField(max_length=100)
    gpu_model = models.ForeignKey(
        GpuModel, on_delete=models.SET_NULL, null=True, blank=True, related_name="requests"
    )
    gpu_count = models.PositiveSmallIntegerField(default=1)
    requested_at = models.DateTimeField()
    answered_at = models.DateTimeField(
        null=True, blank=True, help_text="the renter was told of such a machine"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "machine_name", "gpu_count"], name="machine_request_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["gpu_model"], condition=Q(answered_at=None), name="machine_request_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.gpu_count} x {self.machine_name}"
