"""Minimal valid people, each with a key and a session."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.test import Client

from accounts.access import principal_of
from accounts.models import ApiKey, ApiSession, User, Workspace
from accounts.principal import Principal
from accounts.services import api_keys
from accounts.services.api_keys import DEFAULT_SCOPES, KeyRequest
from core import clock
from core.tokens import digest, new_token

PASSWORD = "correct horse battery staple"
ED25519 = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqZ0Lq0Pb4pJ5pUjuMOYIz2n0sS5xWfLkq4b0tUQv0n alice@laptop"
)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_number = count(1)


@dataclass
class Person:
    """Somebody of the cast, with every way in."""

    user: User
    key: ApiKey
    secret: str
    token: str

    @property
    def workspace(self) -> Workspace:
        return self.principal.workspace

    @property
    def principal(self) -> Principal:
        return principal_of(self.user)

    @property
    def api(self) -> Client:
        """A client that sends the API key."""
        return Client(headers={"X-API-KEY": self.secret})

    @property
    def session(self) -> Client:
        """A client that sends the bearer token."""
        return Client(headers={"Authorization": f"Bearer {self.token}"})

    @property
    def browser(self) -> Client:
        """A browser that is signed in."""
        client = Client()
        client.force_login(self.user, backend="django.contrib.auth.backends.ModelBackend")
        return client


def make_person(name: str, **fields: Any) -> Person:
    """Make an e-mail account with a key of the usual scopes and a session."""
    user = User.objects.create_user(f"{name}@example.com", PASSWORD, name=name.title(), **fields)
    key, secret = make_key(user)
    return Person(user=user, key=key, secret=secret, token=make_session(user))


def make_key(user: User, **wanted: Any) -> tuple[ApiKey, str]:
    """Make an API key in the personal workspace."""
    request = KeyRequest(**{"name": "laptop", "scopes": DEFAULT_SCOPES} | wanted)
    principal = principal_of(user)
    return api_keys.mint(
        user=user,
        workspace=principal.workspace,
        request=request,
        actor=principal.actor(),
        now=clock.now(),
    )


def make_session(user: User) -> str:
    """Open an API session and give its token."""
    token, now = new_token("ss"), clock.now()
    ApiSession.objects.create(user=user, digest=digest(token), expires_at=now + timedelta(days=1))
    return token
