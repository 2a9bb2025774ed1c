"""Telling programs of providers and renters what happened, signed and repeated until they take it."""

from typing import Final, Self
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import Workspace
from marketplace.models.provider import Provider

# Who has webhooks: a provider hears of machines, a renting workspace of pods and its balance.
Owner = Provider | Workspace
# The channel that is the mailbox of the workspace's owner, whatever its address is by then.
OWNER_MAIL: Final = "mailto:owner"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Webhooks by what they are."""

    def of(self, owner: Owner) -> Self:
        """Keep those of one owner."""
        mine = {"provider" if isinstance(owner, Provider) else "workspace": owner}
        return self.filter(**mine)

    def addresses(self) -> Self:
        """Leave mailboxes out."""
        return self.exclude(url=OWNER_MAIL)


class Webhook(models.Model):
    """An address that its owner's events are sent to; no ``kinds`` means all."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, null=True, blank=True, related_name="webhooks"
    )
    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="webhooks",
        help_text="whose pods and balance it is about",
    )
    url = models.URLField(max_length=500)
    secret_encrypted = models.TextField(editable=False)
    kinds = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    created_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(
        max_length=500,
        blank=True,
        default="",
        help_text="empty where its owner switched it off",
    )
    failing_since = models.DateTimeField(null=True, blank=True, help_text="nothing was taken since")

    objects = WebhookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(provider=None, workspace__isnull=False)
                | Q(provider__isnull=False, workspace=None),
                name="webhook_of_one_owner",
            ),
            # A null is like no other null, so each of the two counts only where its owner is one.
            models.UniqueConstraint(
                fields=["provider"], condition=Q(url=OWNER_MAIL), name="webhook_provider_mailbox"
            ),
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(url=OWNER_MAIL), name="webhook_workspace_mailbox"
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def is_mailbox(self) -> bool:
        """Say whether it is the mailbox of its workspace's owner."""
        return self.url == OWNER_MAIL

    @property
    def owner(self) -> Owner:
        """Give whose events it is sent."""
        owner = self.provider or self.workspace
        assert owner is not None  # noqa: S101  # webhook_of_one_owner
        return owner

    @property
    def home(self) -> Workspace | None:
        """Give the workspace that answers for it; None for a provider that nobody has taken over."""
        return self.provider.workspace if self.provider else self.workspace


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
