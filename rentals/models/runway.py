"""Where a workspace stands on the low-balance ladder: each warning is given once and re-arms when funds come."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from accounts.models import Workspace


class Stage(models.TextChoices):
    """How long the balance lasts at the present rate."""

    DAY = "day", "less than 24 hours"
    HOURS = "hours", "less than 2 hours"
    EMPTY = "empty", "used up"


class Runway(models.Model):
    """A workspace whose balance is low; one that has enough has no row."""

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="runway"
    )
    stage = models.CharField(max_length=5, choices=Stage.choices)
    since = models.DateTimeField()
    paused_at = models.DateTimeField(
        null=True, help_text="since when a payment that is not final holds the clock"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="runway_stage_known")
        ]

    def is_empty_since(self, moment: datetime) -> bool:
        """Say whether the balance has been used up from this moment on, or from before it."""
        return self.stage == Stage.EMPTY and self.since <= moment

    def empty_since(self, now: datetime) -> datetime:
        """Give when the balance was used up, the time of a payment on its way left out."""
        return self.since + (now - self.paused_at if self.paused_at else timedelta())

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.get_stage_display()}"
