"""SSH public keys of a workspace: added once each, and deleted."""

from datetime import datetime

from django.db import transaction

from accounts import limits, ssh_public_key
from accounts.models import SshKey
from accounts.principal import Principal
from accounts.services import audit
from core.errors import Conflict, Invalid

MAX_KEYS = 200


def add(*, principal: Principal, name: str, public_key: str, now: datetime) -> SshKey:
    """Keep a public key; the same key again gives the row that exists, whatever its comment.

    :raises BadSshKey: it is no public key that may enter a pod.
    :raises Invalid: the name will not do.
    :raises Conflict: the workspace holds as many keys as it may.
    :raises RateLimited: too many new keys.
    """
    key = ssh_public_key.parse(public_key)
    name = _checked_name(name.strip() or key.comment or "key")
    existing = SshKey.objects.filter(workspace=principal.workspace)
    if known := existing.filter(fingerprint=key.fingerprint).first():
        return known
    limits.key_creation(principal.user.pk)
    if existing.count() >= MAX_KEYS:
        raise Conflict(
            f"This workspace has {MAX_KEYS} SSH keys, the most it may have.",
            hint="Delete keys that are not used.",
        )
    with transaction.atomic():
        row, created = SshKey.objects.get_or_create(
            workspace=principal.workspace,
            fingerprint=key.fingerprint,
            defaults={
                "user": principal.user,
                "name": name,
                "public_key": key.line,
                "created_at": now,
            },
        )
        if created:
            _record("ssh_key.create", row, principal=principal, now=now)
    return row


def delete(*, principal: Principal, key: SshKey, now: datetime) -> None:
    """Forget a key; pods that hold it keep it until they are removed."""
    with transaction.atomic():
        _record("ssh_key.delete", key, principal=principal, now=now)
        key.delete()


def _checked_name(name: str) -> str:
    if len(name) > 100 or not name.isprintable():
        raise Invalid(
            "The name of an SSH key is at most 100 printable characters.",
            hint="Name it after the computer it is on.",
        )
    return name


def _record(action: str, key: SshKey, *, principal: Principal, now: datetime) -> None:
    audit.record(
        action=action,
        actor=principal.actor(),
        workspace_id=key.workspace_id,
        resource=("ssh_key", key.public_id),
        result={"name": key.name, "fingerprint": key.fingerprint},
        now=now,
    )
