"""Who calls the portal: a signed-in person, a provider key, or a machine with its registration token."""

from typing import Final

from django.http import HttpRequest
from ninja.security import HttpBearer

from accounts.auth import Anonymous
from accounts.models import ApiSession, Scope
from accounts.principal import Principal
from accounts.services import credentials
from accounts.services.credentials import SessionRequired
from core import clock
from core.errors import Unauthenticated
from core.tokens import digest
from marketplace.models import Provider
from marketplace.services import providers, register_tokens
from marketplace.services.register_tokens import Registration

KEY_PREFIXES: Final = ("lpk_", "sk_")


class SessionExpired(Unauthenticated):
    """The session's time is over; the client signs in again by itself."""

    code = "session_expired"
    status = 419


class PortalAuth(HttpBearer):
    """Take a session's token or a key with the scope to provide."""

    def authenticate(self, request: HttpRequest, token: str) -> Principal | Registration | None:
        """Find the principal.

        :raises Unauthenticated: the token is dead. :raises SessionExpired: by time.
        :raises MissingScope: a key for other things.
        """
        now = clock.now()
        if token.startswith(KEY_PREFIXES):
            principal = credentials.principal_of_key(token, now=now)
            principal.require(Scope.PROVIDE)
            return principal
        try:
            return credentials.principal_of_session(token, workspace_id=None, now=now)
        except SessionRequired:
            if _ran_out(token):
                raise SessionExpired("This session has expired.", hint="Sign in again.") from None
            raise


class RegistrationAuth(PortalAuth):
    """Take a registration token too."""

    def authenticate(self, request: HttpRequest, token: str) -> Principal | Registration | None:
        """Find the principal, or the registration."""
        if token.count(".") == 2:
            return register_tokens.read(token, now=clock.now())
        return super().authenticate(request, token)


class OptionalAuth(RegistrationAuth):
    """Answer anybody, but refuse a token that is dead: the client probes its token so."""

    def __call__(self, request: HttpRequest) -> Principal | Registration | Anonymous | None:
        """Find who calls, or nobody."""
        if not request.headers.get("Authorization"):
            return Anonymous()
        found: Principal | Registration | None = super().__call__(request)
        return found


def caller(request: HttpRequest) -> Principal:
    """Give the principal of a route that asks for one."""
    found = caller_or_none(request)
    if found is None:
        raise Unauthenticated("No session was sent.", hint="Sign in first.")
    return found


def caller_or_none(request: HttpRequest) -> Principal | None:
    """Give the principal, of a registration token too; None is an anonymous caller."""
    found = request.auth  # type: ignore[attr-defined]
    if isinstance(found, Registration):
        return found.principal
    return found if isinstance(found, Principal) else None


def registration(request: HttpRequest) -> Registration | None:
    """Give the registration token that the caller came with, if it was one."""
    found = request.auth  # type: ignore[attr-defined]
    return found if isinstance(found, Registration) else None


def provider(request: HttpRequest) -> Provider:
    """Give the caller's provider, made at the first call."""
    return providers.provider_of(caller(request), now=clock.now())


def bearer_token(request: HttpRequest) -> str:
    """Give the token that was sent."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ").strip()


def _ran_out(token: str) -> bool:
    return ApiSession.objects.filter(
        digest=digest(token), revoked_at=None, expires_at__lte=clock.now()
    ).exists()
