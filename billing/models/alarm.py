"""A block that was final and is not there any more: noticed, told, and decided by a person."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class ChainAlarm(models.Model):
    """The chain shows another block where we had read a final one; nothing is read while one is open.

    ``affected`` are the public ids of credited deposits whose blocks are gone, among the newest that were looked at.
    """

    genesis = models.CharField(max_length=66)
    block_number = models.BigIntegerField()
    recorded_hash = models.CharField(max_length=66)
    found_hash = models.CharField(max_length=66)
    affected = ArrayField(models.UUIDField(), default=list)
    noticed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=120, blank=True)
    closing_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["genesis"], condition=Q(closed_at=None), name="chain_alarm_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"final block {self.block_number} was replaced"
