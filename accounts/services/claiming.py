"""An account that is taken by who reads its mail: whoever made it may be a stranger, so what they could use ends."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts import hooks
from accounts.access import principal_of
from accounts.models import ApiKey, SshKey, User
from accounts.principal import person
from accounts.services import api_keys, audit, hotkeys, ssh_keys
from accounts.services.signup import personal_workspace

REASON: Final = "the address was proven for the first time"


def is_proven(user: User) -> bool:
    """Whether anybody has shown that they read the mail of this account."""
    proven: bool = EmailAddress.objects.filter(user=user, verified=True).exists()
    return proven


def claim(*, user: User, now: datetime) -> Mapping[str, int]:
    """Give an account to the reader of its mail, and say how much of what was ended; joins the caller's transaction."""
    with transaction.atomic():
        EmailAddress.objects.update_or_create(
            user=user, email=user.email, defaults={"verified": True, "primary": True}
        )
        ended = {
            "API key": _revoke_keys(user, now=now),
            "SSH key": _delete_ssh_keys(user, now=now),
            "hotkey": hotkeys.unlink_all(user=user, now=now),
            "fingerprint": _forget_fingerprint(user),
            **hooks.on_claim(user, now=now),
        }
        audit.record(
            action="account.claim",
            actor=person(user),
            workspace_id=personal_workspace(user).pk,
            resource=("user", user.public_id),
            reason=REASON,
            result=ended,
            now=now,
        )
    return ended


def _revoke_keys(user: User, *, now: datetime) -> int:
    keys = list(ApiKey.objects.filter(user=user, revoked_at=None))
    for key in keys:
        api_keys.revoke(key=key, actor=person(user), reason=REASON, now=now)
    return len(keys)


def _delete_ssh_keys(user: User, *, now: datetime) -> int:
    keys = list(SshKey.objects.filter(user=user))
    for key in keys:
        ssh_keys.delete(principal=principal_of(user), key=key, now=now)
    return len(keys)


def _forget_fingerprint(user: User) -> int:
    forgotten = 0 if user.fingerprint_digest is None else 1
    user.fingerprint_digest = None
    user.save(update_fields=["fingerprint_digest"])
    return forgotten
