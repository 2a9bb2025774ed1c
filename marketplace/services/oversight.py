"""What operators do about a machine that is not what it says: check it again, or have its renters move."""

from datetime import datetime

from django.db import transaction

from core.actors import Actor
from core.errors import Invalid
from marketplace.models import CheckRun, Node, Notice, Trigger
from marketplace.selectors.notices import REMOVAL_LEAD
from marketplace.services import checking, listing, notices
from marketplace.transitions import Reason, note


def verify_again(*, node_id: int, why: str, actor: Actor, now: datetime) -> CheckRun:
    """Have a machine checked at once; it stays on the market unless a check fails.

    :raises Invalid: without a reason. :raises Conflict: its host key was never confirmed.
    """
    if not why.strip():
        raise Invalid("A reason is needed.", hint="Say why: its provider reads it too.")
    run = checking.start(node_id=node_id, trigger=Trigger.OPERATOR, now=now)
    with transaction.atomic():
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        note(node, reason=Reason.CHECKS_WANTED, actor=actor, now=now, detail=why.strip())
    return run


def move_renters(*, node_id: int, why: str, actor: Actor, now: datetime) -> Notice:
    """Hide a machine from new renters, tell those on it, and end their pods when a removal's notice is over.

    Their pod pages count down and lead to the nearest equivalent; its provider cannot take this back.

    :raises Invalid: without a reason.
    """
    with transaction.atomic():
        listing.freeze(node_id=node_id, why=why, actor=actor, now=now)
        return notices.give(
            node_id=node_id,
            starts_at=now + REMOVAL_LEAD,
            minutes=None,
            permanent=True,
            reason=why,
            actor=actor,
            now=now,
        )


def let_stay(*, node_id: int, why: str, actor: Actor, now: datetime) -> Node:
    """Take back what `move_renters` did, before its time has come.

    :raises Invalid: without a reason. :raises Conflict: pods there are being ended.
    """
    with transaction.atomic():
        notices.cancel(node_id=node_id, actor=actor, now=now)
        return listing.unfreeze(node_id=node_id, why=why, actor=actor, now=now)
