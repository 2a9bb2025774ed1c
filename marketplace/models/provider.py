"""Who puts nodes on the market."""

from uuid import uuid4

from django.db import models

from accounts.models import Workspace


class Provider(models.Model):
    """A miner: the holder of nodes and of their earnings."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, null=True, blank=True, related_name="providers"
    )
    hotkey = models.CharField(max_length=60, null=True, blank=True, unique=True)
    coldkey = models.CharField(max_length=60, blank=True)
    ssh_public_key = models.TextField(help_text="the platform's key for this provider's machines")
    ssh_private_key_encrypted = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
