"""Who puts nodes on the market."""

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Workspace


class Provider(models.Model):
    """A miner: the holder of nodes and of their earnings."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, null=True, blank=True, related_name="providers"
    )
    hotkey = models.CharField(max_length=60, null=True, blank=True, unique=True)
    coldkey = models.CharField(max_length=60, blank=True, help_text="SS58, where earnings are paid")
    coldkey_proven_at = models.DateTimeField(null=True, blank=True, help_text="by signature")
    opted_in = models.BooleanField(
        default=True, help_text="the provider lets this market reach the machines itself"
    )
    subscribed_gpus = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="GPU names whose machine requests the provider hears of",
    )
    ssh_public_key = models.TextField(help_text="the platform's key for this provider's machines")
    ssh_private_key_encrypted = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(workspace__isnull=False),
                name="provider_one_a_workspace",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def account_id(self) -> str:
        """Name the provider to the client: by hotkey, or by id where it has none."""
        return self.hotkey or str(self.public_id)
