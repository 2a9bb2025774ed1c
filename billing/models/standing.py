"""Where a workspace may pay without an invoice: its standing address, and the coldkeys that proved to be its own."""

from uuid import uuid4

from django.conf import settings
from django.db import models

from accounts.models import Workspace
from billing.models.invoice import DepositKey


class StandingAddress(models.Model):
    """A deposit address of a workspace, for good; one for each deposit key that the market ever had."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="standing_addresses"
    )
    deposit_key = models.ForeignKey(
        DepositKey, on_delete=models.PROTECT, related_name="standing_addresses"
    )
    derivation_index = models.BigIntegerField()
    address = models.CharField(max_length=48, unique=True)
    unswept_rao = models.BigIntegerField(default=0, help_text="final, and still on the address")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "standing addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "deposit_key"], name="standing_address_once"
            ),
            models.UniqueConstraint(
                fields=["deposit_key", "derivation_index"], name="standing_address_index_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} of {self.workspace}"


class LinkedColdkey(models.Model):
    """A coldkey whose holder proved it by signature: what it sends to the treasury is this workspace's."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="coldkeys")
    address = models.CharField(max_length=48, unique=True, help_text="SS58")
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    linked_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.address
