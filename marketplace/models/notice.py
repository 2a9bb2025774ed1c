"""What a provider announces about a machine, so that renters can act before it happens."""

from datetime import datetime, timedelta
from uuid import uuid4

from django.db import models
from django.db.models import Q

from marketplace.models.node import Node


class Notice(models.Model):
    """A maintenance window (``minutes`` long) or a removal for good (``permanent``), from ``starts_at`` on."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="notices")
    starts_at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    permanent = models.BooleanField(default=False)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="carried out, or over")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["node"],
                condition=Q(cancelled_at=None, ended_at=None),
                name="notice_one_open",
            ),
            models.CheckConstraint(
                condition=Q(permanent=True, minutes=None) | Q(permanent=False, minutes__gte=1),
                name="notice_window_or_removal",
            ),
        ]

    def __str__(self) -> str:
        kind = "removal" if self.permanent else f"maintenance of {self.minutes} min"
        return f"{kind} of {self.node_id} at {self.starts_at:%Y-%m-%d %H:%M}"

    @property
    def ends_at(self) -> datetime | None:
        """The end of a maintenance; None for a removal."""
        return None if self.minutes is None else self.starts_at + timedelta(minutes=self.minutes)
