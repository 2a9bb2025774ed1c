"""A person or an agent: an e-mail account, or one known by its fingerprint alone."""

from typing import Any, ClassVar
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q


class UserManager(BaseUserManager["User"]):
    """Make users; e-mail addresses compare without case."""

    def create_user(
        self, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        """Create an account; ``email`` None means a fingerprint account."""
        user = self.model(email=self.normalize_email(email).lower() if email else None, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """An account that signs in by e-mail and password, or by fingerprint."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    email = models.EmailField(null=True, blank=True)
    name = models.CharField(max_length=100, blank=True)
    fingerprint_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(models.functions.Lower("email"), name="user_email_unique"),
            models.CheckConstraint(
                condition=Q(email__isnull=False) | Q(fingerprint_digest__isnull=False),
                name="user_has_a_login",
            ),
        ]

    def __str__(self) -> str:
        return self.email or f"fingerprint account {self.public_id}"
