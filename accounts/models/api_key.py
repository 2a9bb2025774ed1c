"""API keys: shown once, stored as SHA-256, named afterwards by prefix and last four."""

from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models.workspace import Workspace
from core import clock


class Scope(models.TextChoices):
    """What a key may do; ``billing``, ``alpha`` and ``provide`` stand alone."""

    READ = "read"
    RENT = "rent"
    MANAGE = "manage"
    BILLING = "billing"
    ALPHA = "alpha"
    PROVIDE = "provide"


ALONE = (Scope.BILLING, Scope.ALPHA, Scope.PROVIDE)


class PodVisibility(models.TextChoices):
    """Which pods a key sees: those it rented, or all of its workspace."""

    OWN = "own"
    ACCOUNT = "account"


class ApiKey(models.Model):
    """A credential that acts for one user in one workspace."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=8, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices))
    pod_visibility = models.CharField(
        max_length=10, choices=PodVisibility.choices, default=PodVisibility.ACCOUNT
    )
    daily_budget_usd = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    monthly_budget_usd = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    max_budget_usd = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=Q(pod_visibility__in=PodVisibility.values),
                name="api_key_visibility_known",
            ),
            models.CheckConstraint(
                condition=Q(scopes__len__gt=0)
                & Q(scopes__contained_by=Scope.values)
                & (~Q(scopes__contains=[Scope.BILLING]) | Q(scopes=[Scope.BILLING]))
                & (~Q(scopes__contains=[Scope.ALPHA]) | Q(scopes=[Scope.ALPHA]))
                & (~Q(scopes__contains=[Scope.PROVIDE]) | Q(scopes=[Scope.PROVIDE])),
                name="api_key_scopes_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"

    @property
    def hint(self) -> str:
        """Name the key without giving it away, e.g. ``sk_aB3…x9Qz``."""
        return f"{self.prefix}…{self.last_four}"


class BudgetRefusal(models.Model):
    """A request that a key's budget refused; the key's owner reads them."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="refusals")
    window = models.CharField(max_length=10)
    route = models.CharField(max_length=200)
    amount_usd = models.DecimalField(max_digits=30, decimal_places=9)
    budget_usd = models.DecimalField(max_digits=12, decimal_places=2)
    spent_usd = models.DecimalField(max_digits=30, decimal_places=9)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(window__in=["daily", "monthly", "max"]),
                name="budget_refusal_window_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.api_key} refused ${self.amount_usd} ({self.window})"
