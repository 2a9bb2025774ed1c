"""Signing in to the API: a bearer token for a password or a fingerprint, ended by time or by hand."""

from datetime import datetime, timedelta
from typing import Final

from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts import limits
from accounts.models import ApiSession, User
from accounts.principal import person
from accounts.services import audit
from accounts.services.signup import personal_workspace
from core import request_context
from core.actors import Actor
from core.errors import Forbidden, NotFound, Unauthenticated
from core.tokens import digest, new_token

SESSION_LIFE: Final = timedelta(days=14)
RECENT: Final = timedelta(minutes=5)
# How long an ended session of a program can be looked up.
KEPT: Final = timedelta(days=30)


class WrongCredentials(Unauthenticated):
    """No account opens with this; which half was wrong is not said."""

    code = "wrong_credentials"


class SignInAgain(Forbidden):
    """The session is alive, but too old for this."""

    code = "sign_in_again"


def sign_in(*, email: str, password: str, now: datetime) -> str:
    """Open a session for an e-mail address and its password, and give its token.

    :raises WrongCredentials: no such pair; an unknown address takes as long as a wrong password.
    :raises RateLimited: too many tries.
    """
    limits.login(email)
    user = User.objects.with_email(email).first()
    if user is None:
        make_password(password)
        raise _wrong()
    if not user.check_password(password):
        _audit_login(user, "login.refused", now=now)
        raise _wrong()
    limits.login_succeeded(email)
    return open_session(user=user, now=now)


def sign_in_by_fingerprint(*, fingerprint: str, now: datetime) -> str:
    """Open a session for a fingerprint account and give its token.

    :raises WrongCredentials: no account has this fingerprint.
    :raises RateLimited: too many tries.
    """
    limits.login(fingerprint)
    user = User.objects.filter(fingerprint_digest=digest(fingerprint.strip())).first()
    if user is None:
        raise _wrong()
    return open_session(user=user, now=now)


def open_session(*, user: User, now: datetime) -> str:
    """Open a session for somebody who has proved who they are, and give its token.

    :raises Forbidden: the account is suspended.
    """
    refuse_suspended(user)
    token = new_token("ss")
    request = request_context.current()
    with transaction.atomic():
        ApiSession.objects.create(
            user=user,
            digest=digest(token),
            user_agent=request.user_agent[:200],
            ip=request.ip,
            created_at=now,
            expires_at=now + SESSION_LIFE,
        )
        _audit_login(user, "login", now=now)
    return token


def refuse_suspended(user: User) -> None:
    """Let nobody in whose account is suspended.

    :raises Forbidden: it is.
    """
    if not user.is_active:
        raise Forbidden("This account is suspended.", hint="Write to the operator of this market.")


def end(*, session: ApiSession, actor: Actor, now: datetime, reason: str = "") -> None:
    """End one API session; its token stops working at once.

    :raises NotFound: it ended before.
    """
    with transaction.atomic():
        alive = ApiSession.objects.filter(pk=session.pk, revoked_at=None)
        if not alive.update(revoked_at=now):
            raise NotFound("This session has ended already.")
        _audit_end(session.user, actor=actor, reason=reason, now=now)


def require_recent(*, token: str, now: datetime) -> None:
    """Ask for a sign-in within the last minutes, before the ways into an account change.

    :raises SignInAgain: this session is older, or none.
    """
    recent = ApiSession.objects.filter(digest=digest(token), created_at__gt=now - RECENT)
    if not recent.exists():
        raise SignInAgain(
            f"This needs a sign-in within the last {RECENT.total_seconds() / 60:.0f} minutes.",
            hint="Sign in again and repeat it.",
        )


def end_all(*, user: User, actor: Actor, now: datetime, reason: str = "") -> int:
    """End every API session of a person and say how many there were."""
    with transaction.atomic():
        alive = ApiSession.objects.filter(user=user, revoked_at=None, expires_at__gt=now)
        ended = alive.update(revoked_at=now)
        if ended:
            _audit_end(user, actor=actor, reason=reason, now=now)
    return ended


def end_browsers(*, user: User, but: str | None = None) -> None:
    """Sign a person out of every browser, but of the one whose session has the key ``but``."""
    for browser in UserSession.objects.filter(user=user).exclude(session_key=but):
        browser.end()


def forget_ended(*, now: datetime) -> int:
    """Delete the sessions that nobody can use any more, of browsers at once and of programs after a while."""
    browsers, _ = Session.objects.filter(expire_date__lt=now).delete()
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    # Rows that list browsers on the account page, each of a session above.
    UserSession.objects.filter(~Exists(alive)).delete()
    over = Q(expires_at__lt=now - KEPT) | Q(revoked_at__lt=now - KEPT)
    programs, _ = ApiSession.objects.filter(over).delete()
    return browsers + programs


def note_login(*, user: User, now: datetime) -> None:
    """Note a sign-in on the website in the audit trail."""
    _audit_login(user, "login", now=now)


def _audit_login(user: User, action: str, *, now: datetime) -> None:
    audit.record(
        action=action,
        actor=person(user),
        workspace_id=personal_workspace(user).pk,
        resource=("user", user.public_id),
        now=now,
    )


def _audit_end(user: User, *, actor: Actor, reason: str, now: datetime) -> None:
    audit.record(
        action="session.end",
        actor=actor,
        workspace_id=personal_workspace(user).pk,
        resource=("user", user.public_id),
        reason=reason,
        now=now,
    )


def _wrong() -> WrongCredentials:
    return WrongCredentials(
        "No account opens with these credentials.",
        hint="Check both, or reset the password on the sign-in page.",
    )
