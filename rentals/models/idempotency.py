"""Answers by Idempotency-Key: a repeat gets the stored answer, success and refusal alike."""

from django.db import models

from accounts.models import Workspace


class IdempotentRequest(models.Model):
    """One keyed request; ``status_code`` is null while the first is still being decided."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="idempotent_requests"
    )
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body")
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return self.key
