"""Keys of a Bittensor wallet that sign a person in."""

from django.conf import settings
from django.db import models

from core import clock


class Hotkey(models.Model):
    """An sr25519 address whose holder proved it by signature; it signs its person in."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="hotkeys"
    )
    address = models.CharField(max_length=60, unique=True, help_text="SS58")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return self.address


class UsedSignature(models.Model):
    """A signed message that was taken once and is never taken again; kept until it is too old to be fresh."""

    address = models.CharField(max_length=60, help_text="SS58")
    message = models.CharField(max_length=300)
    used_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address", "message"], name="signature_once")
        ]

    def __str__(self) -> str:
        return f"{self.address} at {self.used_at:%Y-%m-%d %H:%M}"
