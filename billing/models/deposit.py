"""Transfers to our addresses, of TAO and of alpha (docs/money.md, Deposits)."""

from typing import Final
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.db.models.lookups import Exact

from accounts.models import Workspace
from billing.models.invoice import Invoice
from billing.models.standing import StandingAddress


class DepositStatus(models.TextChoices):
    """Where a transfer stands; the table is in `billing.transitions`."""

    SEEN = "seen"
    REPLACED = "replaced"
    CREDITED = "credited"
    UNMATCHED = "unmatched"
    SETTLED = "settled"
    REFUND_REQUESTED = "refund_requested"
    REFUNDED = "refunded"


class Deposit(models.Model):
    """A transfer to one of our addresses: one row for each (block hash, event index), for ever.

    ``netuid`` is empty for TAO; else ``amount_rao`` is rao of that subnet's alpha, which stays with ``hotkey``.
    ``workspace`` is whose it is, as far as the address or the sender tells.
    """

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="deposits", null=True, blank=True
    )
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="deposits", null=True, blank=True
    )
    standing_address = models.ForeignKey(
        StandingAddress, on_delete=models.PROTECT, related_name="deposits", null=True, blank=True
    )
    status = models.CharField(
        max_length=16, choices=DepositStatus.choices, default=DepositStatus.SEEN
    )
    held_for = models.CharField(max_length=30, blank=True, help_text="why it was not credited")
    genesis = models.CharField(max_length=66)
    block_hash = models.CharField(max_length=66)
    block_number = models.BigIntegerField()
    block_at = models.DateTimeField()
    event_index = models.PositiveIntegerField()
    extrinsic_hash = models.CharField(max_length=66, blank=True)
    sender = models.CharField(max_length=48)
    address = models.CharField(max_length=48)
    amount_rao = models.BigIntegerField()
    netuid = models.PositiveIntegerField(null=True, blank=True, help_text="empty: TAO")
    hotkey = models.CharField(max_length=48, blank=True)
    late = models.BooleanField(default=False)
    tao_per_alpha = models.DecimalField(max_digits=30, decimal_places=18, null=True, blank=True)
    rate_usd_per_tao = models.DecimalField(max_digits=30, decimal_places=9, null=True, blank=True)
    rate_source = models.CharField(max_length=100, blank=True)
    rate_observed_at = models.DateTimeField(null=True, blank=True)
    rate_observations = models.JSONField(
        default=list, blank=True, help_text="what the rate is the median of"
    )
    credited_usd = models.DecimalField(max_digits=30, decimal_places=9, null=True, blank=True)
    credited_workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    seen_at = models.DateTimeField()
    finalized_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block_hash", "event_index"], name="deposit_once"),
            models.CheckConstraint(
                condition=Q(status__in=DepositStatus.values), name="deposit_status_known"
            ),
            models.CheckConstraint(condition=Q(amount_rao__gt=0), name="deposit_positive"),
            models.CheckConstraint(
                condition=~Q(status__in=["credited", "settled"])
                | Q(credited_usd__isnull=False, credited_workspace__isnull=False),
                name="deposit_credit_complete",
            ),
        ]
        indexes = [
            models.Index(
                fields=["block_number"], condition=Q(status="seen"), name="deposit_in_flight"
            ),
            models.Index(
                fields=["status"],
                condition=Q(status__in=["unmatched", "refund_requested"]),
                name="deposit_to_settle",
            ),
            models.Index("workspace", models.F("id").desc(), name="deposit_latest"),
            models.Index(
                fields=["extrinsic_hash"],
                condition=~Q(extrinsic_hash=""),
                name="deposit_by_extrinsic",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_rao} rao in block {self.block_number}"


SUBJECTS: Final = ("invoice", "deposit", "transfer", "batch", "payout")


def _named(*columns: str) -> models.Func:
    return models.Func(
        *columns, function="num_nonnulls", output_field=models.PositiveSmallIntegerField()
    )


class PaymentEvent(models.Model):
    """One status change of one of these, with actor and reason; never edited."""

    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="events", null=True, blank=True
    )
    deposit = models.ForeignKey(
        Deposit, on_delete=models.PROTECT, related_name="events", null=True, blank=True
    )
    transfer = models.ForeignKey(
        "billing.OutgoingTransfer",
        on_delete=models.PROTECT,
        related_name="events",
        null=True,
        blank=True,
    )
    batch = models.ForeignKey(
        "billing.PayoutBatch",
        on_delete=models.PROTECT,
        related_name="events",
        null=True,
        blank=True,
    )
    payout = models.ForeignKey(
        "billing.Payout", on_delete=models.PROTECT, related_name="events", null=True, blank=True
    )
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    reason_code = models.CharField(max_length=60)
    reason = models.CharField(max_length=500)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Exact(_named(*SUBJECTS), 1),
                name="payment_event_of_one",
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status} ({self.reason_code})"
