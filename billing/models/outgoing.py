"""Transfers that we sign and send (docs/money.md, What we send)."""

from typing import Final
from uuid import uuid4

from django.db import models
from django.db.models import Q

from billing.models.deposit import Deposit
from billing.models.invoice import DepositKey


class TransferKind(models.TextChoices):
    """What a transfer is for."""

    SWEEP = "sweep"
    PAYOUT = "payout"
    REFUND = "refund"
    FUEL = "fuel"


class TransferStatus(models.TextChoices):
    """Where a transfer stands; the table is in `billing.transitions`."""

    PLANNED = "planned"
    SIGNED = "signed"
    FINAL = "final"
    FAILED = "failed"


OPEN_TRANSFERS: Final = (TransferStatus.PLANNED, TransferStatus.SIGNED)


class OutgoingTransfer(models.Model):
    """A transfer from one of our addresses: intent first, then signed with one nonce for ever, then sent.

    The key that signs is the child ``derivation_index`` of the deposit key; the treasury's where that is empty.
    """

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=TransferKind.choices)
    status = models.CharField(
        max_length=10, choices=TransferStatus.choices, default=TransferStatus.PLANNED
    )
    deposit_key = models.ForeignKey(
        DepositKey, on_delete=models.PROTECT, related_name="transfers", null=True, blank=True
    )
    derivation_index = models.BigIntegerField(null=True, blank=True)
    sender = models.CharField(max_length=48)
    destination = models.CharField(max_length=48)
    netuid = models.PositiveIntegerField(null=True, blank=True, help_text="of alpha; empty for TAO")
    hotkey = models.CharField(max_length=48, blank=True, help_text="that the alpha stays with")
    amount_rao = models.BigIntegerField()
    fee_rao = models.BigIntegerField(help_text="expected, until it ended; then what was taken")
    deposit = models.ForeignKey(
        Deposit, on_delete=models.PROTECT, related_name="refunds", null=True, blank=True
    )
    nonce = models.BigIntegerField(null=True, blank=True)
    extrinsic_hash = models.CharField(max_length=66, blank=True)
    body = models.TextField(blank=True)
    last_block = models.BigIntegerField(
        null=True, blank=True, help_text="that can hold the signature; empty: it never lapses"
    )
    block_number = models.BigIntegerField(null=True, blank=True, help_text="that it ended in")
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sender"],
                condition=Q(kind="sweep", status__in=["planned", "signed"]),
                name="outgoing_one_open_sweep",
            ),
            models.UniqueConstraint(
                fields=["destination"],
                condition=Q(kind="fuel", status__in=["planned", "signed"]),
                name="outgoing_one_open_fuel",
            ),
            models.UniqueConstraint(
                fields=["sender", "nonce"],
                condition=Q(status__in=["planned", "signed"]),
                name="outgoing_nonce_once",
            ),
            models.UniqueConstraint(
                fields=["deposit"], condition=~Q(status="failed"), name="outgoing_one_refund"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=TransferKind.values), name="outgoing_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=TransferStatus.values), name="outgoing_status_known"
            ),
            models.CheckConstraint(condition=Q(amount_rao__gt=0), name="outgoing_positive"),
            models.CheckConstraint(
                condition=Q(deposit_key__isnull=True, derivation_index__isnull=True)
                | Q(deposit_key__isnull=False, derivation_index__isnull=False),
                name="outgoing_key_whole",
            ),
            models.CheckConstraint(
                condition=~Q(status="signed")
                | (~Q(body="") & ~Q(extrinsic_hash="") & Q(nonce__isnull=False)),
                name="outgoing_signed_is_kept",
            ),
            models.CheckConstraint(
                condition=~Q(kind="refund") | Q(deposit__isnull=False), name="outgoing_refund_of"
            ),
        ]
        indexes = [
            models.Index(
                fields=["sender"],
                condition=Q(status__in=["planned", "signed"]),
                name="outgoing_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount_rao} rao to {self.destination}"

    @property
    def from_treasury(self) -> bool:
        """Whether the treasury's key signs."""
        return self.derivation_index is None
