"""From a token to a principal: one query, and at most one write a minute to note the use."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.crypto import constant_time_compare

from accounts.access import principal_in, role_of
from accounts.models import ApiKey, ApiSession, User
from accounts.principal import Principal
from core.errors import Forbidden, Unauthenticated
from core.tokens import digest

USE_NOTED_EVERY: Final = timedelta(minutes=1)


class SessionRequired(Unauthenticated):
    """The bearer token is missing or dead, or a key was sent where a person must act."""

    code = "session_required"


def principal_of_key(token: str, *, now: datetime) -> Principal:
    """Find who holds an API key.

    :raises Unauthenticated: unknown, revoked or expired.
    :raises Forbidden: the key is alive, but its account, workspace or membership is not.
    """
    role = role_of(user=OuterRef("user"), workspace=OuterRef("workspace"))
    keys = ApiKey.objects.select_related("user", "workspace").annotate(role=Subquery(role))
    key = keys.filter(digest=digest(token)).first()
    if key is None:
        raise Unauthenticated(
            "This API key is not known here.", hint="Make one on the Keys page of this market."
        )
    _refuse_dead(key, now=now)
    _refuse_homeless(key)
    _note_use(ApiKey.objects.all(), key, now=now)
    return Principal(
        user=key.user,
        workspace=key.workspace,
        role=key.role,
        api_key=key,
        scopes=frozenset(key.scopes),
    )


def principal_of_session(token: str, *, workspace_id: UUID | None, now: datetime) -> Principal:
    """Find who signed in with a bearer token; without a workspace it acts in the personal one.

    :raises SessionRequired: unknown, ended or expired.
    :raises NotFound: the workspace is gone or the person is no member of it.
    """
    sessions = ApiSession.objects.select_related("user")
    alive = sessions.filter(revoked_at=None, expires_at__gt=now)
    session = alive.filter(digest=digest(token)).first()
    if session is None:
        raise SessionRequired("This session has ended.", hint="Sign in again.")
    _refuse_suspended(session.user)
    _note_use(ApiSession.objects.all(), session, now=now)
    return principal_in(session.user, workspace_id=workspace_id)


def principal_of_browser(session_key: str | None) -> Principal:
    """Find who is signed in by a browser's session; unlike a request, this changes nothing in it.

    :raises SessionRequired: signed out, here or by a new password. :raises Forbidden: suspended.
    :raises NotFound: the workspace is gone.
    """
    kept = SessionStore(session_key).load()
    number = kept.get(SESSION_KEY)
    user = User.objects.filter(pk=number).first() if number else None
    if user is None or not _fits(user, kept.get(HASH_SESSION_KEY, "")):
        raise SessionRequired("You are signed out.", hint="Sign in again.")
    _refuse_suspended(user)
    return principal_in(user, workspace_id=None)


def _fits(user: User, proof: str) -> bool:
    proofs = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(proof, valid) for valid in proofs)


def _refuse_dead(key: ApiKey, *, now: datetime) -> None:
    if key.revoked_at is not None:
        raise Unauthenticated(
            f"The API key {key.hint} was revoked.", hint="Make a new one on the Keys page."
        )
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthenticated(
            f"The API key {key.hint} has expired.", hint="Make a new one on the Keys page."
        )


# The client knows these two sentences and treats the key as rejected.
def _refuse_homeless(key: ApiKey) -> None:
    _refuse_suspended(key.user)
    if key.workspace.closed_at is not None:
        raise Forbidden(
            f"The API key {key.hint} belongs to a workspace that is gone.",
            hint="Make a key in another workspace.",
        )
    if key.role is None:  # type: ignore[attr-defined]
        raise Forbidden(
            f"The owner of the API key {key.hint} is no longer a member of its workspace.",
            hint="Make a key in a workspace of your own.",
        )


def _refuse_suspended(user: User) -> None:
    if not user.is_active:
        raise Forbidden("This account is suspended.", hint="Write to the operator of this market.")


def _note_use(
    rows: QuerySet[ApiKey] | QuerySet[ApiSession], used: ApiKey | ApiSession, *, now: datetime
) -> None:
    stale_before = now - USE_NOTED_EVERY
    if used.last_used_at is None or used.last_used_at < stale_before:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=stale_before)
        rows.filter(stale, pk=used.pk).update(last_used_at=now)
