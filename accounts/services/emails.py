"""The address of an account: whoever could sign in before it changed is signed out of the API."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.principal import person
from accounts.services import audit, sessions
from accounts.services.signup import email_taken, personal_workspace
from core.errors import Invalid


def set_email(*, user: User, email: str, now: datetime) -> str:
    """Give an account another address, not verified yet; end its API sessions, and say what the address was.

    :raises Invalid: it is no address. :raises EmailTaken: it has an account.
    """
    address, before = email.strip().lower(), user.email or ""
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid(
            "This is no e-mail address.", hint="Send one like name@example.com."
        ) from error
    if address == before:
        return before
    try:
        with transaction.atomic():
            _store(user, address, now=now)
    except IntegrityError as error:
        user.email = before or None
        raise email_taken() from error
    return before


def _store(user: User, address: str, *, now: datetime) -> None:
    user.email = address
    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=address, primary=True)
    actor = person(user)
    audit.record(
        action="email.change",
        actor=actor,
        workspace_id=personal_workspace(user).pk,
        resource=("user", user.public_id),
        result={"email": address},
        now=now,
    )
    sessions.end_all(user=user, actor=actor, reason="e-mail address changed", now=now)
