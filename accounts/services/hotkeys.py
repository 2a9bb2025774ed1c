"""Hotkeys: signing in with a Bittensor wallet, and linking one to an account."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts import limits
from accounts.models import Hotkey, User
from accounts.principal import person
from accounts.services import audit, challenges, sessions
from accounts.services.challenges import verify
from accounts.services.signup import open_hotkey_account, personal_workspace
from core.errors import Conflict, NotFound

__all__ = ["challenge", "link", "link_purpose", "sign_in", "unlink", "unlink_all", "verify"]


class HotkeyTaken(Conflict):
    """The hotkey signs another account in."""

    code = "hotkey_taken"


class OnlyWayIn(Conflict):
    """The account would be locked for good."""

    code = "only_way_in"


def challenge(*, now: datetime) -> str:
    """Write the line that a hotkey is to sign to sign in."""
    return challenges.challenge(now=now)


def sign_in(*, address: str, message: str, signature: str, now: datetime) -> User:
    """Find whose hotkey signed, and make an account at its first sight; ``message`` is our challenge or a Unix time.

    :raises Invalid: the address is none. :raises BadSignature: wrong, stale or used before.
    :raises RateLimited: too many tries, or new accounts, from this network address.
    """
    # No window by hotkey: a signature cannot be guessed, and anybody could lock its holder out.
    limits.signature()
    verify(address=address, message=message, signature=signature)
    if challenges.is_timestamp(message):
        challenges.require_fresh_time(message, now=now)
    else:
        challenges.require_challenge(message, purpose=challenges.SIGN_IN, now=now)
    with transaction.atomic():
        challenges.burn(address=address, message=message, now=now)
        return _holder(address) or _newcomer(address, now=now)


def link_purpose(user: User) -> str:
    """Say what a challenge is for that links a hotkey to this account."""
    return f"Link my hotkey to the account {user.public_id}"


def link(*, user: User, address: str, message: str, signature: str, now: datetime) -> Hotkey:
    """Let a hotkey sign this account in from now on; ``message`` is a challenge for `link_purpose`.

    :raises Invalid: the address is none. :raises BadSignature: wrong, stale or used before.
    :raises HotkeyTaken: it signs another account in. :raises RateLimited: too many tries.
    """
    limits.signature()
    verify(address=address, message=message, signature=signature)
    challenges.require_challenge(message, purpose=link_purpose(user), now=now)
    with transaction.atomic():
        challenges.burn(address=address, message=message, now=now)
        hotkey, created = Hotkey.objects.get_or_create(
            address=address, defaults={"user": user, "created_at": now}
        )
        if hotkey.user_id != user.pk:
            raise HotkeyTaken(
                "This hotkey signs another account in.",
                hint="Sign in with it and unlink it there first, or go on with that account.",
            )
        if created:
            _record(hotkey, "hotkey.link", now=now)
    return hotkey


def unlink(*, user: User, address: str, now: datetime, browser: str | None = None) -> None:
    """Stop a hotkey from signing this account in, and end what it may have opened.

    That is every session but the one of the ``browser``, by its session key, in which it is unlinked.

    :raises NotFound: it is none of theirs. :raises OnlyWayIn: nothing else would open the account.
    """
    with transaction.atomic():
        mine = Hotkey.objects.select_for_update().filter(user=user)
        hotkey = next((row for row in mine if row.address == address), None)
        if hotkey is None:
            raise NotFound("There is no such hotkey, or it is not yours.")
        if len(mine) == 1 and not (user.email and user.has_usable_password()):
            raise OnlyWayIn(
                "This hotkey is the only way into the account.",
                hint="Set an e-mail address and a password, or link another hotkey first.",
            )
        _unlink(hotkey, now=now)
        sessions.end_all(user=user, actor=person(user), reason="hotkey unlinked", now=now)
        sessions.end_browsers(user=user, but=browser)


def unlink_all(*, user: User, now: datetime) -> int:
    """Stop every hotkey from signing an account in that has another way in, and say how many there were."""
    with transaction.atomic():
        mine = list(Hotkey.objects.select_for_update().filter(user=user))
        for hotkey in mine:
            _unlink(hotkey, now=now)
    return len(mine)


def _unlink(hotkey: Hotkey, *, now: datetime) -> None:
    _record(hotkey, "hotkey.unlink", now=now)
    hotkey.delete()


def _holder(address: str) -> User | None:
    found = Hotkey.objects.select_related("user").filter(address=address).first()
    return found.user if found else None


def _newcomer(address: str, *, now: datetime) -> User:
    try:
        with transaction.atomic():
            user = open_hotkey_account(now=now)
            Hotkey.objects.create(user=user, address=address, created_at=now)
            return user
    except IntegrityError:
        # Another request of the same hotkey was first.
        return Hotkey.objects.select_related("user").get(address=address).user


def _record(hotkey: Hotkey, action: str, *, now: datetime) -> None:
    audit.record(
        action=action,
        actor=person(hotkey.user),
        workspace_id=personal_workspace(hotkey.user).pk,
        resource=("hotkey", hotkey.address),
        now=now,
    )
