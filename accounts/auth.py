"""Credentials of API calls: each class gives a `Principal` as ``request.auth``.

A route takes a key, a session, either, or (for public reads) an optional key.
"""

from typing import Final, cast
from uuid import UUID

from django.http import HttpRequest
from ninja.security import APIKeyHeader, HttpBearer

from accounts.principal import Principal
from accounts.services import credentials
from accounts.services.credentials import SessionRequired
from core import clock
from core.errors import Forbidden, Invalid, Unauthenticated

KEY_HEADER: Final = "X-API-KEY"
WORKSPACE_HEADER: Final = "X-Lium-Workspace-Id"


class Anonymous:
    """Nobody in particular: what an optional key gives when none that works was sent."""


class ApiKeyAuth(APIKeyHeader):
    """Ask for an API key; an empty header is no key."""

    param_name = KEY_HEADER

    def authenticate(self, request: HttpRequest, key: str | None) -> Principal | None:
        """Find the key's principal.

        :raises Unauthenticated: the key is dead.
        """
        return credentials.principal_of_key(key, now=clock.now()) if key else None


class Bearer(HttpBearer):
    """Take the bearer token of a signed-in person."""

    def authenticate(self, request: HttpRequest, token: str) -> Principal | None:
        """Find the person's principal in the workspace that the request names.

        :raises SessionRequired: the session has ended.
        """
        return credentials.principal_of_session(
            token,
            workspace_id=workspace_named(request.headers.get(WORKSPACE_HEADER, "")),
            now=clock.now(),
        )


class SessionAuth(Bearer):
    """Ask for a signed-in person: what keys are made and teams are changed with."""

    def __call__(self, request: HttpRequest) -> Principal:
        """Find the session's principal.

        :raises SessionRequired: no live session was sent.
        """
        principal: Principal | None = super().__call__(request)
        if principal is None:
            raise SessionRequired(
                "This call needs a signed-in person; an API key cannot make it.",
                hint="Run `lium workspaces login`, or use the website.",
            )
        return principal


class KeyOrSession(ApiKeyAuth):
    """Ask for an API key or a signed-in person."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Principal | None:
        """Find the principal of the key, or else of the bearer token."""
        return super().authenticate(request, key) or Bearer()(request)


class OptionalKey(KeyOrSession):
    """Take a key or a session where a live one is sent; public reads answer everyone, as the client expects."""

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest, key: str | None
    ) -> Principal | Anonymous:
        """Give its principal, or nobody."""
        try:
            return super().authenticate(request, key) or Anonymous()
        except (Unauthenticated, Forbidden):
            return Anonymous()


def caller(request: HttpRequest) -> Principal:
    """Give the principal of a route that asks for one."""
    return cast(Principal, request.auth)  # type: ignore[attr-defined]


def caller_or_none(request: HttpRequest) -> Principal | None:
    """Give the principal of a route with an optional key; None is an anonymous caller."""
    principal = request.auth  # type: ignore[attr-defined]
    return principal if isinstance(principal, Principal) else None


def workspace_named(sent: str) -> UUID | None:
    """Read which workspace a request names in its header; None where it names none.

    :raises Invalid: it is no id.
    """
    try:
        return UUID(sent) if sent else None
    except ValueError as error:
        raise Invalid(
            f"The header {WORKSPACE_HEADER} is not the id of a workspace.",
            hint="`lium workspaces list` shows the ids.",
        ) from error
