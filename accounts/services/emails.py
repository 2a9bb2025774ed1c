"""The address of an account: whoever could sign in before it changed is signed out of the API."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction

from accounts import email_address
from accounts.models import User
from accounts.principal import person
from accounts.services import audit, sessions
from accounts.services.signup import email_taken, personal_workspace, take_address


def set_email(*, user: User, email: str, now: datetime) -> str:
    """Give an account another address, not verified yet; end its API sessions, and say what the address was.

    :raises Invalid: it is no address. :raises EmailTaken: it has an account.
    """
    address, before = email_address.parse(email), user.email or ""
    if address == before:
        return before
    if User.objects.known_by(address).exclude(pk=user.pk).exists():
        raise email_taken()
    try:
        with transaction.atomic():
            _store(user, address, now=now)
    except IntegrityError as error:
        user.email = before or None
        raise email_taken() from error
    return before


def follow_confirmed(address: EmailAddress) -> None:
    """Sign an account in by the address that it has just confirmed, where its present one is not.

    So an account with a confirmed address is never left to the reader of another one's mail.
    """
    rows = EmailAddress.objects.filter(user=address.user, primary=True, verified=True)
    if not rows.exists():
        address.set_as_primary()


def _store(user: User, address: str, *, now: datetime) -> None:
    user.email = address
    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=address, primary=True)
    take_address(user)
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
