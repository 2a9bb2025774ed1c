"""Taking a machine back sooner than a notice allows: its price is stated before, and paid."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from billing.accounts import provider_account
from billing.models import Posting
from core.actors import Actor
from core.errors import Invalid
from marketplace.models import Node, NodeEvent, NodeGpu, Notice
from marketplace.selectors.notices import is_early
from marketplace.selectors.same_machine import entries_of_machine
from marketplace.services import notices
from marketplace.transitions import Reason, note


@dataclass(frozen=True, kw_only=True, slots=True)
class Consequences:
    """What an early reclaim does: to how many pods, when, what it costs, and how often it was done before.

    ``refund_usd`` is what the provider earned in the last ``refund`` of time: the order of what is paid back.
    """

    pods: int
    ends_at: datetime
    refund: timedelta
    refund_usd: Decimal
    early_before: int


def consequences(node: Node, *, now: datetime) -> Consequences:
    """Say what an early reclaim of a node would do, before anybody confirms it."""
    holders = _holders(node)
    return Consequences(
        pods=len(holders),
        ends_at=now + settings.MARKET_RECLAIM_GRACE,
        refund=settings.MARKET_RECLAIM_REFUND,
        refund_usd=_earned(node, holders, since=now - settings.MARKET_RECLAIM_REFUND),
        early_before=early_reclaims(node),
    )


def reclaim(*, node_id: int, why: str, actor: Actor, now: datetime) -> Notice:
    """Take a machine back after a short grace; its renters get the last hour's money back from its provider.

    :raises Invalid: without a reason. :raises Conflict: operators asked for another removal.
    """
    if not why.strip():
        raise Invalid("A reason is needed.", hint="Say why: whoever rents there reads it.")
    with transaction.atomic():
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        early = Notice(
            starts_at=now + settings.MARKET_RECLAIM_GRACE, permanent=True, reason=why.strip()[:500]
        )
        notice = notices.announce(node, early, actor=actor, now=now)
        if is_early(notice):
            detail = "Taken back sooner than a notice allows; the last of the renters' money is paid back."
            note(node, reason=Reason.RECLAIMED_EARLY, actor=actor, now=now, detail=detail)
    return notice


def early_reclaims(node: Node) -> int:
    """Count how often a node's machine was taken back early, whatever it was on the market as; it shows for good."""
    early = NodeEvent.objects.filter(reason_code=Reason.RECLAIMED_EARLY)
    return early.filter(node__in=entries_of_machine(node)).count()


def _holders(node: Node) -> set[UUID]:
    held = NodeGpu.objects.filter(node=node, holder__isnull=False)
    return {holder for holder in held.values_list("holder", flat=True) if holder}


def _earned(node: Node, holders: set[UUID], *, since: datetime) -> Decimal:
    earned = Posting.objects.filter(
        account=provider_account(node.provider.public_id),
        entry__subject_id__in=holders,
        entry__occurred_at__gt=since,
    )
    return earned.aggregate(total=Sum("amount"))["total"] or Decimal(0)
