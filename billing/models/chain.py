"""How far the chain was read, and the funds that were moved on it."""

from uuid import uuid4

from django.db import models
from django.db.models import Q

from billing.models.invoice import DepositKey


class ChainCursor(models.Model):
    """The newest finalized block whose transfers are credited; it moves with the credits, never alone."""

    genesis = models.CharField(max_length=66, unique=True)
    network = models.CharField(max_length=60)
    number = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    block_at = models.DateTimeField()
    best = models.BigIntegerField(help_text="the newest block that was seen, final or not")
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.network} at {self.number}"


class SweepStatus(models.TextChoices):
    """Where a sweep stands; the table is in `billing.transitions`."""

    PLANNED = "planned"
    SIGNED = "signed"
    FINAL = "final"
    FAILED = "failed"


class Sweep(models.Model):
    """The emptying of one deposit address into the treasury: intent first, then signed once, then sent."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    status = models.CharField(
        max_length=10, choices=SweepStatus.choices, default=SweepStatus.PLANNED
    )
    deposit_key = models.ForeignKey(DepositKey, on_delete=models.PROTECT, related_name="sweeps")
    derivation_index = models.BigIntegerField()
    address = models.CharField(max_length=48)
    treasury = models.CharField(max_length=48)
    amount_rao = models.BigIntegerField()
    fee_rao = models.BigIntegerField()
    signed_hash = models.CharField(max_length=66, blank=True)
    signed_body = models.TextField(blank=True)
    signed_nonce = models.BigIntegerField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address"],
                condition=Q(status__in=["planned", "signed"]),
                name="sweep_one_open_per_address",
            ),
            models.CheckConstraint(
                condition=Q(status__in=SweepStatus.values), name="sweep_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["planned", "failed"]) | ~Q(signed_body=""),
                name="sweep_signed_is_kept",
            ),
        ]

    def __str__(self) -> str:
        return f"sweep of {self.address}: {self.amount_rao} rao"
