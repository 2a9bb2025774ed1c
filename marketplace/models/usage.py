"""Facts that rentals writes and validation reads; the two apps meet only here."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from marketplace.models.node import Node


class UsageFact(models.Model):
    """A stretch of proven use of a node, what was charged for it, and what of that a renter's own money paid (docs/money.md)."""

    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="usage_facts")
    holder = models.UUIDField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    gpu_count = models.PositiveSmallIntegerField()
    charged_usd = models.DecimalField(
        max_digits=30, decimal_places=9, help_text="less what was paid back"
    )
    paid_usd = models.DecimalField(
        max_digits=30, decimal_places=9, null=True, blank=True, help_text="empty: not counted yet"
    )
    lent_usd = models.DecimalField(
        max_digits=30, decimal_places=9, db_default=0, help_text="was owed when it was counted"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["holder", "started_at"], name="usage_fact_once"),
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("started_at")), name="usage_fact_forward"
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(paid_usd__isnull=True), name="usage_fact_uncounted"
            ),
            # Payouts ask for these alone, of a provider's nodes and of a renter's pods (rentals.services.paid_use).
            models.Index(
                fields=["node", "started_at"],
                condition=Q(paid_usd=None)
                | Q(paid_usd__lt=F("charged_usd"))
                | Q(paid_usd__gt=F("charged_usd")),
                name="usage_fact_unpaid",
            ),
            models.Index(fields=["holder"], condition=~Q(lent_usd=0), name="usage_fact_lent"),
        ]

    def __str__(self) -> str:
        return f"{self.gpu_count} GPUs of {self.node_id} from {self.started_at:%Y-%m-%d %H:%M}"


class HandOver(models.Model):
    """A node's GPUs changed hands: the moment to prove them again."""

    class Direction(models.TextChoices):
        """Which way the GPUs went."""

        TO_RENTER = "to_renter"
        TO_MARKET = "to_market"

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="hand_overs")
    holder = models.UUIDField()
    direction = models.CharField(max_length=10, choices=Direction.choices)
    gpu_count = models.PositiveSmallIntegerField()
    occurred_at = models.DateTimeField()

    class Meta:
        verbose_name = "hand-over"

    def __str__(self) -> str:
        return f"{self.gpu_count} GPUs of {self.node_id} {self.direction}"
