"""A workspace owns pods, keys and the balance; everyone has a personal one."""

from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock


class Role(models.TextChoices):
    """What a member may do."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


INVITABLE = (Role.ADMIN, Role.MEMBER)
# They act on other members, on their keys and on invitations.
MANAGERS = (Role.OWNER, Role.ADMIN)


class Workspace(models.Model):
    """A team with one balance; ``owner`` pays. A closed one keeps its records and refuses its keys."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_workspaces"
    )
    pending_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="workspaces"
    )
    is_personal = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(is_personal=True),
                name="workspace_one_personal_per_owner",
            ),
            models.CheckConstraint(
                condition=Q(is_personal=False) | Q(closed_at=None),
                name="workspace_personal_stays_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class Membership(models.Model):
    """A person's role in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.workspace}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Read predicates over invitations."""

    def open(self, *, now: datetime) -> "InvitationQuerySet":
        """Keep those that can still be taken."""
        return self.filter(accepted_at=None, expires_at__gt=now, workspace__closed_at=None)


class Invitation(models.Model):
    """An offer, sent by e-mail, to join a workspace; whoever holds the link and that address may take it.

    One that is withdrawn expires at that moment.
    """

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=[(r.value, r.label) for r in INVITABLE])
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in INVITABLE]),
                name="invitation_role_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} invited to {self.workspace}"
