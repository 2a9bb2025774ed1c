"""The ledger against the chain, each hour, as it was found (docs/money.md, Reconciliation)."""

from django.db import models
from django.db.models import Q


class ReconciliationStatus(models.TextChoices):
    """What was found; ``unknown`` is never clean."""

    CLEAN = "clean"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class Reconciliation(models.Model):
    """One comparison of every key with the chain; never edited."""

    status = models.CharField(max_length=10, choices=ReconciliationStatus.choices)
    genesis = models.CharField(max_length=66, blank=True)
    read_upto = models.BigIntegerField(null=True, help_text="the newest final block in the ledger")
    final_upto = models.BigIntegerField(null=True, help_text="the chain's newest final block")
    keys = models.PositiveIntegerField(default=0, help_text="compared, those without a line too")
    note = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ReconciliationStatus.values),
                name="reconciliation_status_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%F %H:%M}: {self.status}"


class ReconciliationLine(models.Model):
    """One key: what the ledger says, what the chain says, and what lies between.

    Every shared key has a line; a deposit address only where the two figures are not equal. ``difference_rao`` is what
    nothing explains; empty where the chain does not answer.
    """

    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.CASCADE, related_name="lines"
    )
    key = models.CharField(max_length=30)
    address = models.CharField(max_length=48, blank=True)
    currency = models.CharField(max_length=7)
    recorded_rao = models.BigIntegerField()
    found_rao = models.BigIntegerField(null=True)
    difference_rao = models.BigIntegerField(null=True)
    between = models.JSONField(default=list, help_text="what could explain it, and what does")

    def __str__(self) -> str:
        return f"{self.key} {self.address}: {self.difference_rao}"
