"""What providers are paid: batches that two administrators decide, and who is on hold (docs/money.md, Payouts)."""

from typing import Final
from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from billing.models.outgoing import OutgoingTransfer


class BatchStatus(models.TextChoices):
    """Where a batch stands; the table is in `billing.transitions`."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    COMPLETED = "completed"


class PayoutStatus(models.TextChoices):
    """Where a payout stands; the table is in `billing.transitions`."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DROPPED = "dropped"
    PAID = "paid"
    FAILED = "failed"


OPEN_PAYOUTS: Final = (PayoutStatus.PROPOSED, PayoutStatus.APPROVED)


class PayoutBatch(models.Model):
    """Payouts at one rate, proposed by one administrator and approved by another."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    status = models.CharField(
        max_length=10, choices=BatchStatus.choices, default=BatchStatus.PROPOSED
    )
    usd = models.DecimalField(max_digits=30, decimal_places=9)
    rate_usd_per_tao = models.DecimalField(max_digits=30, decimal_places=9)
    rate_source = models.CharField(max_length=100)
    rate_observed_at = models.DateTimeField()
    rate_observations = models.JSONField(default=list)
    proposer_id = models.CharField(max_length=64)
    proposer_name = models.CharField(max_length=120)
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="an approval comes before, or never")
    decider_id = models.CharField(max_length=64, blank=True)
    decider_name = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "payout batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=BatchStatus.values), name="payout_batch_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "completed"])
                | (~Q(decider_id="") & ~Q(decider_id=F("proposer_id"))),
                name="payout_batch_second_admin",
            ),
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="proposed"), name="payout_batch_one_proposed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.usd:.2f} USD of {self.proposed_at:%F}"


class Payout(models.Model):
    """What one provider gets in one batch: so many USD as so many rao, to one coldkey."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    batch = models.ForeignKey(PayoutBatch, on_delete=models.PROTECT, related_name="payouts")
    status = models.CharField(
        max_length=10, choices=PayoutStatus.choices, default=PayoutStatus.PROPOSED
    )
    provider_id = models.UUIDField()
    provider_name = models.CharField(max_length=100)
    coldkey = models.CharField(max_length=48)
    usd = models.DecimalField(max_digits=30, decimal_places=9)
    rao = models.BigIntegerField()
    transfer = models.OneToOneField(
        OutgoingTransfer, on_delete=models.PROTECT, related_name="payout", null=True, blank=True
    )
    reason = models.CharField(max_length=500, blank=True, help_text="why it was dropped, or failed")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=PayoutStatus.values), name="payout_status_known"
            ),
            models.CheckConstraint(condition=Q(usd__gt=0, rao__gt=0), name="payout_positive"),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "paid", "failed"]) | Q(transfer__isnull=False),
                name="payout_has_transfer",
            ),
            models.UniqueConstraint(
                fields=["provider_id"],
                condition=Q(status__in=["proposed", "approved"]),
                name="payout_one_open",
            ),
        ]
        indexes = [models.Index("provider_id", F("id").desc(), name="payout_latest")]

    def __str__(self) -> str:
        return f"{self.usd:.2f} USD to {self.provider_name}"


class PayoutHold(models.Model):
    """An administrator's word that a provider is not paid for now, with the reason that the provider reads."""

    provider_id = models.UUIDField()
    provider_name = models.CharField(max_length=100)
    reason = models.CharField(max_length=500)
    placed_by = models.CharField(max_length=120)
    placed_at = models.DateTimeField()
    lifted_by = models.CharField(max_length=120, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifting_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id"], condition=Q(lifted_at=None), name="payout_hold_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider_name}: {self.reason}"
