"""What was done through an account, by whom and from where."""

from uuid import uuid4

from django.db import models

from accounts.models.workspace import Workspace
from core import clock


class AuditEvent(models.Model):
    """One action, e.g. ``key.create``; never edited."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="audit_events", null=True
    )
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=120, blank=True)
    action = models.CharField(max_length=60)
    reason = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=10, default="portal")
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    method = models.CharField(max_length=10, blank=True)
    route = models.CharField(max_length=200, blank=True)
    resource_type = models.CharField(max_length=30, blank=True)
    resource_id = models.CharField(max_length=64, blank=True)
    summary = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index("workspace", models.F("id").desc(), name="audit_by_workspace")]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.actor_name} {self.action}"
