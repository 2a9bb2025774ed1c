"""A person or an agent: an e-mail account, or one known by its fingerprint alone."""

from typing import Any, ClassVar
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from accounts.models.workspace import Membership, Role, Workspace
from core import clock


class UserManager(BaseUserManager["User"]):
    """Make users, each with a personal workspace; e-mail addresses compare without case."""

    def create_user(
        self, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        """Create an account; ``email`` None means a fingerprint account."""
        user = self.model(email=email.lower() if email else None, **fields)
        user.set_password(password)
        return self.establish(user)

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def establish(self, user: "User") -> "User":
        """Save a new account with its personal workspace: nobody is without one."""
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            workspace = Workspace.objects.create(
                name="Personal", owner=user, is_personal=True, created_at=user.created_at
            )
            Membership.objects.create(
                workspace=workspace, user=user, role=Role.OWNER, created_at=user.created_at
            )
        return user

    def with_email(self, email: str) -> "QuerySet[User]":
        """Filter by address; they are stored in lower case."""
        return self.filter(email=email.strip().lower())

    def known_by(self, email: str) -> "QuerySet[User]":
        """Filter by an address that an account signs in with, or has confirmed as one more."""
        address = email.strip().lower()
        confirmed = Q(emailaddress__email=address, emailaddress__verified=True)
        return self.filter(Q(email=address) | confirmed).distinct()

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find the user who signs in with this address."""
        return self.with_email(username or "").get()


class User(AbstractBaseUser, PermissionsMixin):
    """An account that signs in by e-mail and password, or by fingerprint."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    email = models.EmailField(null=True, blank=True, unique=True)
    name = models.CharField(max_length=100, blank=True)
    fingerprint_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_lower_case"),
            models.CheckConstraint(
                condition=Q(email__isnull=False) | Q(fingerprint_digest__isnull=False),
                name="user_has_a_login",
            ),
        ]

    def __str__(self) -> str:
        return self.email or self.display_name

    @property
    def display_name(self) -> str:
        """Name the person to others without giving their address away."""
        return self.name or (self.email or "").split("@")[0] or "fingerprint account"
