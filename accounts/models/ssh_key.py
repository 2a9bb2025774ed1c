"""SSH public keys that a renter puts into pods."""

from uuid import uuid4

from django.conf import settings
from django.db import models

from accounts.models.workspace import Workspace
from core import clock


class SshKey(models.Model):
    """One public key line: type, base64 and comment, without options."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="ssh_keys")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="ssh_keys"
    )
    name = models.CharField(max_length=100)
    public_key = models.TextField()
    fingerprint = models.CharField(max_length=60)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "SSH key"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "fingerprint"], name="ssh_key_once_per_workspace"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint})"
