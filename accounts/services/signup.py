"""Making accounts: the page and the API both end in `open_account`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from accounts import email_address, hooks, limits
from accounts.models import ApiKey, Scope, User, Workspace
from accounts.principal import person
from accounts.services import api_keys, audit
from core.errors import Conflict, Invalid
from core.huid import huid
from core.tokens import digest

FINGERPRINT_LENGTH: Final = 32
# Without the letters and digits that people mistake for one another: 158 bits remain.
FINGERPRINT_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
FIRST_KEY_NAME: Final = "Default"
FIRST_KEY_SCOPES: Final = (Scope.READ, Scope.RENT, Scope.MANAGE)


class EmailTaken(Conflict):
    """An account with this address exists."""

    code = "email_taken"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a sign-up through the API hands over, once: the key's secret and the fingerprint are not kept."""

    user: User
    api_key: str
    credited: bool
    fingerprint: str = ""


def sign_up(*, email: str, password: str, name: str, now: datetime) -> NewAccount:
    """Make an e-mail account and its first API key; the address need not be verified first.

    :raises Invalid: the address or the password will not do.
    :raises EmailTaken: the address has an account.
    :raises RateLimited: too many accounts from this network address.
    """
    limits.signup()
    user = User(email=email_address.parse(email), name=name.strip()[:100], created_at=now)
    _check(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            credited = open_account(user=user, now=now)
            EmailAddress.objects.create(user=user, email=user.email, primary=True)
            _, secret = _first_key(user, now=now)
    except IntegrityError as error:
        raise email_taken() from error
    return NewAccount(user=user, api_key=secret, credited=credited)


def sign_up_by_fingerprint(*, now: datetime) -> NewAccount:
    """Make an account without an address: the fingerprint is its only login.

    :raises RateLimited: too many accounts from this network address.
    """
    limits.signup()
    fingerprint = get_random_string(FINGERPRINT_LENGTH, FINGERPRINT_ALPHABET)
    user = User(fingerprint_digest=digest(fingerprint), created_at=now)
    user.name = huid(user.public_id)
    user.set_unusable_password()
    with transaction.atomic():
        credited = open_account(user=user, now=now)
        _, secret = _first_key(user, now=now)
    return NewAccount(user=user, api_key=secret, credited=credited, fingerprint=fingerprint)


def open_hotkey_account(*, now: datetime) -> User:
    """Make an account that a hotkey signs in; the caller stores the hotkey in the same transaction.

    :raises RateLimited: too many accounts from this network address.
    """
    limits.signup()
    # The row wants a login of its own: a fingerprint that nobody was ever told.
    unknown = get_random_string(FINGERPRINT_LENGTH, FINGERPRINT_ALPHABET)
    user = User(fingerprint_digest=digest(unknown), created_at=now)
    user.name = huid(user.public_id)
    user.set_unusable_password()
    open_account(user=user, now=now, login="hotkey")
    return user


def open_account(*, user: User, now: datetime, login: str = "") -> bool:
    """Save a new user with workspace, credit and audit, in one transaction; True when credit was granted."""
    with transaction.atomic():
        User.objects.establish(user)
        take_address(user)
        workspace = personal_workspace(user)
        audit.record(
            action="account.create",
            actor=person(user),
            workspace_id=workspace.pk,
            resource=("user", user.public_id),
            result={"login": login or ("email" if user.email else "fingerprint")},
            now=now,
        )
        return hooks.on_signup(workspace, now=now)


def personal_workspace(user: User) -> Workspace:
    """Give the workspace that everyone has."""
    return Workspace.objects.get(owner=user, is_personal=True)


def _check(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            " ".join(error.messages),
            hint="Send a password of at least 8 characters that is not a common one.",
        ) from error
    if User.objects.known_by(user.email or "").exists():
        raise email_taken()


def take_address(user: User) -> None:
    """Let no other account confirm the address that signs this one in; joins the caller's transaction."""
    waiting = EmailAddress.objects.filter(email=user.email, verified=False)
    waiting.exclude(user=user).delete()


def email_taken() -> EmailTaken:
    """Refuse an address that has an account."""
    return EmailTaken(
        "An account with this e-mail address exists.",
        hint="Sign in, or reset the password on the sign-in page.",
    )


def _first_key(user: User, *, now: datetime) -> tuple[ApiKey, str]:
    return api_keys.mint(
        user=user,
        workspace=personal_workspace(user),
        request=api_keys.KeyRequest(name=FIRST_KEY_NAME, scopes=FIRST_KEY_SCOPES),
        actor=person(user),
        now=now,
    )
