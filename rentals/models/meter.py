"""Metering: proven ready time, and what was posted for it (docs/money.md)."""

from django.db import models
from django.db.models import F, Q

from billing.models import Account
from rentals.models.pod import Pod


class PodMeter(models.Model):
    """The meter of a pod: narrow, because a tick touches every running one.

    Total ready seconds at T = ``counted_seconds`` + (T - ``ready_since`` where that is set).
    """

    pod = models.OneToOneField(
        Pod, on_delete=models.PROTECT, primary_key=True, related_name="meter"
    )
    renter_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    # Nobody looks meters up by these, and a tick would pay for their indexes.
    provider_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    fee_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    hourly_price_usd = models.DecimalField(max_digits=30, decimal_places=9)
    fee_rate = models.DecimalField(max_digits=6, decimal_places=5)
    counted_seconds = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    counted_until = models.DateTimeField(
        null=True, blank=True, help_text="end of the last closed interval"
    )
    ready_since = models.DateTimeField(null=True, blank=True)
    posted_usd = models.DecimalField(max_digits=30, decimal_places=9, default=0)
    posted_fee_usd = models.DecimalField(max_digits=30, decimal_places=9, default=0)
    posted_until = models.DateTimeField(null=True, blank=True)
    settled = models.BooleanField(
        default=True, help_text="nothing remains to be posted while ready_since is empty"
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["pod"],
                condition=Q(ready_since__isnull=False) | Q(settled=False),
                name="meter_due",
            )
        ]

    def __str__(self) -> str:
        return f"meter of {self.pod_id}: {self.posted_usd} USD"


class PaidUse(models.Model):
    """What a renter's usage facts came to so far, what of it was the renter's own money, and what was lent (docs/money.md)."""

    renter_account = models.OneToOneField(
        Account, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    charged_usd = models.DecimalField(max_digits=30, decimal_places=9, default=0)
    paid_usd = models.DecimalField(max_digits=30, decimal_places=9, default=0)
    lent_usd = models.DecimalField(max_digits=30, decimal_places=9, default=0)

    class Meta:
        verbose_name = "paid use"
        verbose_name_plural = "paid use"

    def __str__(self) -> str:
        return f"{self.paid_usd} of {self.charged_usd} USD"


class ReadyInterval(models.Model):
    """One stretch of proven readiness, the evidence that a charge rests on."""

    pod = models.ForeignKey(Pod, on_delete=models.PROTECT, related_name="ready_intervals")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    started_by = models.CharField(max_length=300, help_text="the evidence, e.g. the banner seen")
    ended_by = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pod"], condition=Q(ended_at=None), name="ready_interval_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")),
                name="ready_interval_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pod_id} ready from {self.started_at:%H:%M:%S}"
