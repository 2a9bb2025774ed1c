"""What operators and providers decide about a listing: admit, freeze, delist, price."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core import money
from core.actors import PLATFORM, Actor
from core.errors import Invalid
from marketplace.models import Node, NodeStatus
from marketplace.transitions import Reason, move, note


def admit(*, node_id: int, now: datetime) -> Node:
    """Put a checked and prepared node on the market; harmless when it is there."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.status == NodeStatus.VALIDATION_PENDING:
            detail = "Reached over its pinned key, its engine and GPUs seen, prepared for pods."
            node.last_verified_at = now
            node.first_listed_at = node.first_listed_at or now
            node.save(update_fields=["last_verified_at", "first_listed_at"])
            move(
                node,
                to=NodeStatus.AVAILABLE,
                reason=Reason.CHECKS_PASSED,
                actor=PLATFORM,
                now=now,
                detail=detail,
            )
    return node


def reject(*, node_id: int, why: str, now: datetime) -> Node:
    """Keep a node off the market because a check failed."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.status in (NodeStatus.VALIDATION_PENDING, NodeStatus.AVAILABLE):
            move(
                node,
                to=NodeStatus.VALIDATION_FAILED,
                reason=Reason.CHECKS_FAILED,
                actor=PLATFORM,
                now=now,
                detail=why,
            )
    return node


def freeze(*, node_id: int, why: str, actor: Actor, now: datetime) -> Node:
    """Hide a node from new renters; pods on it go on."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.frozen_at is None:
            node.frozen_at = now
            node.save(update_fields=["frozen_at", "updated_at"])
            note(node, reason=Reason.FROZEN, actor=actor, now=now, detail=_said(why))
    return node


def unfreeze(*, node_id: int, why: str, actor: Actor, now: datetime) -> Node:
    """Show a frozen node again."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.frozen_at is not None:
            node.frozen_at = None
            node.save(update_fields=["frozen_at", "updated_at"])
            note(node, reason=Reason.UNFROZEN, actor=actor, now=now, detail=_said(why))
    return node


def delist(*, node_id: int, why: str, actor: Actor, now: datetime) -> Node:
    """Take a node off the market for good; pods on it go on, the record stays."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.delisted_at is None:
            node.delisted_at = now
            node.save(update_fields=["delisted_at", "updated_at"])
            note(node, reason=Reason.DELISTED, actor=actor, now=now, detail=_said(why))
    return node


def set_price(*, node_id: int, price_per_gpu_usd: Decimal, actor: Actor, now: datetime) -> Node:
    """Change the price of a GPU-hour for rentals from now on; running pods keep theirs.

    :raises Invalid: the price is not above zero.
    """
    price = money.quantize(price_per_gpu_usd)
    if price <= 0:
        raise Invalid(
            "A price must be above zero.", hint="Send USD per GPU-hour, for example 0.45."
        )
    with transaction.atomic():
        node = _lock(node_id)
        if node.price_per_gpu_usd != price:
            detail = (
                f"${node.price_per_gpu_usd.normalize():f} to ${price.normalize():f} per GPU-hour."
            )
            node.price_per_gpu_usd = price
            node.save(update_fields=["price_per_gpu_usd", "updated_at"])
            note(node, reason=Reason.PRICE_CHANGED, actor=actor, now=now, detail=detail)
    return node


def _lock(node_id: int) -> Node:
    return Node.objects.select_for_update(no_key=True).get(pk=node_id)


def _said(why: str) -> str:
    said = why.strip()
    if not said:
        raise Invalid("A reason is needed.", hint="Say why: renters and provider read it too.")
    return said
