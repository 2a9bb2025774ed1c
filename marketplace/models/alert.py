"""What an operator must look at: raised once, open until it is over."""

from django.db import models
from django.db.models import Q


class Alert(models.Model):
    """Something is wrong with the market itself; at most one is open of a kind."""

    kind = models.CharField(max_length=40)
    detail = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(closed_at=None), name="alert_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"
