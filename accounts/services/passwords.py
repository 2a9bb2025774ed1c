"""Changing a password: whoever knew the old one is signed out everywhere."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from accounts.principal import person
from accounts.services import audit, claiming, sessions
from accounts.services.signup import personal_workspace
from core.errors import Invalid


def choose(*, user: User, password: str, now: datetime) -> None:
    """Check a new password as sign-up does, then store it.

    :raises Invalid: it is too weak. :raises Forbidden: the account is suspended.
    """
    sessions.refuse_suspended(user)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            " ".join(error.messages), hint="Choose at least 8 characters that are not common."
        ) from error
    set_password(user=user, password=password, now=now)


def reset(*, user: User, password: str, now: datetime) -> Mapping[str, int]:
    """Store a password that was chosen over a link in the account's mail, and say what ended with it.

    Nothing does where the address was confirmed before. Else the reader of the mail is the first who is known to own it.
    """
    with transaction.atomic():
        ended = {} if claiming.is_proven(user) else claiming.claim(user=user, now=now)
        set_password(user=user, password=password, now=now)
    return ended


def set_password(*, user: User, password: str, now: datetime) -> None:
    """Store a new password and end the API sessions; Django ends the browser sessions by itself.

    API keys stay: they are credentials of their own, and each is revoked on the Keys page.
    """
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        audit.record(
            action="password.change",
            actor=person(user),
            workspace_id=personal_workspace(user).pk,
            resource=("user", user.public_id),
            now=now,
        )
        sessions.end_all(user=user, actor=person(user), reason="password changed", now=now)
