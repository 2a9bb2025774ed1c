"""Telling a provider's own programs what happened, signed and repeated until they take it."""

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from marketplace.models.provider import Provider


class Webhook(models.Model):
    """An address that a provider's events are sent to; no ``kinds`` means all."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    secret_encrypted = models.TextField(editable=False)
    kinds = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    created_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(
        max_length=500,
        blank=True,
        default="",
        help_text="empty where its provider switched it off",
    )
    failing_since = models.DateTimeField(null=True, blank=True, help_text="nothing was taken since")

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One event on its way to one webhook; ``event_id`` is what the receiver knows repeats by."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField(default=uuid4, editable=False)
    kind = models.CharField(max_length=60)
    payload = models.JSONField()
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True, help_text="null: no further try")
    delivered_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event_id"], name="webhook_event_once")
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(delivered_at=None, next_try_at__isnull=False),
                name="webhook_due",
            ),
            models.Index("webhook", F("id").desc(), name="webhook_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.webhook_id}"
