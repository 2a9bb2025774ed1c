"""Coldkeys of a workspace: what they send to the treasury is credited to it (docs/money.md, Deposits)."""

from datetime import datetime

from django.db import transaction

from accounts import limits
from accounts.models import Workspace
from accounts.principal import Principal
from accounts.services import audit, challenges
from billing.models import Deposit, DepositStatus, LinkedColdkey
from core.actors import Actor
from core.errors import Conflict, NotFound


class ColdkeyTaken(Conflict):
    """The coldkey pays for another workspace."""

    code = "coldkey_taken"


def link_purpose(workspace: Workspace) -> str:
    """Say what a challenge is for that links a coldkey to this workspace."""
    return f"Credit what my coldkey sends to the workspace {workspace.public_id}"


def challenge(workspace: Workspace, *, now: datetime) -> str:
    """Write the line that a coldkey is to sign to be linked."""
    return challenges.challenge(now=now, purpose=link_purpose(workspace))


def link(
    *, principal: Principal, address: str, message: str, signature: str, now: datetime
) -> LinkedColdkey:
    """Credit what a coldkey sends to the caller's workspace from now on; ``message`` is our `challenge`.

    :raises Invalid: the address is none. :raises BadSignature: wrong, stale or used before.
    :raises ColdkeyTaken: it pays for another workspace. :raises RateLimited: too many tries.
    """
    limits.signature()
    challenges.verify(address=address, message=message, signature=signature)
    challenges.require_challenge(message, purpose=link_purpose(principal.workspace), now=now)
    with transaction.atomic():
        challenges.burn(address=address, message=message, now=now)
        coldkey, created = LinkedColdkey.objects.get_or_create(
            address=address,
            defaults={
                "workspace": principal.workspace,
                "linked_by": principal.user,
                "linked_at": now,
            },
        )
        if coldkey.workspace_id != principal.workspace.pk:
            raise ColdkeyTaken(
                "This coldkey pays for another workspace.",
                hint="Unlink it there first, or use another coldkey.",
            )
        if created:
            _claim(coldkey)
            _record(principal.workspace, principal.actor(), coldkey, "coldkey.link", now=now)
    return coldkey


def unlink(*, principal: Principal, address: str, now: datetime) -> None:
    """Stop crediting what a coldkey sends; what it has sent stays where it is.

    :raises NotFound: it is none of theirs.
    """
    with transaction.atomic():
        mine = LinkedColdkey.objects.select_for_update().filter(workspace=principal.workspace)
        coldkey = mine.filter(address=address).first()
        if coldkey is None:
            raise NotFound("There is no such coldkey, or it is not yours.")
        _record(principal.workspace, principal.actor(), coldkey, "coldkey.unlink", now=now)
        coldkey.delete()


def unlink_all(*, workspace: Workspace, actor: Actor, now: datetime) -> int:
    """Stop crediting what any coldkey of a workspace sends, and say how many there were."""
    with transaction.atomic():
        coldkeys = list(LinkedColdkey.objects.select_for_update().filter(workspace=workspace))
        for coldkey in coldkeys:
            _record(workspace, actor, coldkey, "coldkey.unlink", now=now)
            coldkey.delete()
    return len(coldkeys)


def _claim(coldkey: LinkedColdkey) -> None:
    """Show the workspace what its coldkey sent before it was linked; an administrator credits that."""
    earlier = Deposit.objects.filter(
        sender=coldkey.address, workspace=None, status=DepositStatus.UNMATCHED
    )
    earlier.update(workspace=coldkey.workspace)


def _record(
    workspace: Workspace, actor: Actor, coldkey: LinkedColdkey, action: str, *, now: datetime
) -> None:
    audit.record(
        action=action,
        actor=actor,
        workspace_id=workspace.pk,
        resource=("coldkey", coldkey.address),
        now=now,
    )
