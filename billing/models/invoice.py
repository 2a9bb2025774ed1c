"""Invoices in TAO (docs/money.md, Deposits)."""

from datetime import datetime
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Workspace


class InvoiceStatus(models.TextChoices):
    """Where an invoice stands; the table is in `billing.transitions`."""

    OPEN = "open"
    SEEN = "seen"
    UNDERPAID = "underpaid"
    PAID = "paid"
    OVERPAID = "overpaid"
    DOUBLE = "double"
    EXPIRED = "expired"
    LATE = "late"


PAYABLE: Final = frozenset({InvoiceStatus.OPEN, InvoiceStatus.SEEN, InvoiceStatus.UNDERPAID})


class DepositKey(models.Model):
    """A public key whose soft children are deposit addresses, and the next child to give out."""

    public_key = models.CharField(max_length=66, unique=True)
    next_index = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.public_key} from {self.next_index}"


class Invoice(models.Model):
    """A wish to pay: an amount in TAO at a rate that is held until ``expires_at``, to an address of its own."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="invoices")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(
        max_length=10, choices=InvoiceStatus.choices, default=InvoiceStatus.OPEN
    )
    usd_amount = models.DecimalField(max_digits=30, decimal_places=9)
    tao_amount_rao = models.BigIntegerField()
    paid_rao = models.BigIntegerField(default=0, help_text="final and credited, in all")
    unswept_rao = models.BigIntegerField(default=0, help_text="final, and still on the address")
    rate_usd_per_tao = models.DecimalField(max_digits=30, decimal_places=9)
    rate_source = models.CharField(max_length=100)
    rate_observed_at = models.DateTimeField()
    rate_observations = models.JSONField(
        default=list, blank=True, help_text="what the rate is the median of"
    )
    deposit_key = models.ForeignKey(DepositKey, on_delete=models.PROTECT, related_name="invoices")
    derivation_index = models.BigIntegerField()
    address = models.CharField(max_length=48, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["deposit_key", "derivation_index"], name="invoice_address_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=InvoiceStatus.values), name="invoice_status_known"
            ),
            models.CheckConstraint(
                condition=Q(usd_amount__gt=0, tao_amount_rao__gt=0, rate_usd_per_tao__gt=0),
                name="invoice_asks_something",
            ),
        ]
        indexes = [
            models.Index("workspace", models.F("id").desc(), name="invoice_latest"),
            models.Index(fields=["expires_at"], condition=Q(status="open"), name="invoice_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.usd_amount} USD to {self.address}"

    @property
    def missing_rao(self) -> int:
        """What is still asked for, in rao."""
        return max(0, self.tao_amount_rao - self.paid_rao)

    def is_payable(self, now: datetime) -> bool:
        """Whether the rate is still held and something is still asked for."""
        return self.status in PAYABLE and now < self.expires_at
