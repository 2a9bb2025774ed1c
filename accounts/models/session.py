"""A bearer session of the API, from `POST /users/login` or `/auth/login`."""

from uuid import uuid4

from django.conf import settings
from django.db import models

from core import clock


class ApiSession(models.Model):
    """A signed-in API client; the token is stored as SHA-256."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_sessions"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    user_agent = models.CharField(max_length=200, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API session"

    def __str__(self) -> str:
        return f"session of {self.user} since {self.created_at:%Y-%m-%d}"
