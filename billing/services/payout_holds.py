"""An administrator's hold on what a provider is paid: placed and lifted with a reason, read by the provider."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from billing.models import PayoutHold
from core.actors import Actor
from core.errors import Conflict, Invalid


def place(
    *, provider_id: UUID, provider_name: str, reason: str, actor: Actor, now: datetime
) -> PayoutHold:
    """Keep a provider from being paid; what is approved already goes on.

    :raises Invalid: no reason was given; :raises Conflict: it is on hold already.
    """
    _require_reason(reason)
    fields = {
        "provider_name": provider_name,
        "reason": reason.strip()[:500],
        "placed_by": actor.name,
        "placed_at": now,
    }
    hold, placed = PayoutHold.objects.get_or_create(
        provider_id=provider_id, lifted_at=None, defaults=fields
    )
    if not placed:
        raise Conflict(f"Its payouts are on hold already: {hold.reason}")
    return hold


def lift(*, provider_id: UUID, reason: str, actor: Actor, now: datetime) -> PayoutHold:
    """Let a provider be paid again.

    :raises Invalid: no reason was given; :raises Conflict: it is not on hold.
    """
    _require_reason(reason)
    with transaction.atomic():
        rows = PayoutHold.objects.select_for_update(no_key=True)
        hold = rows.filter(provider_id=provider_id, lifted_at=None).first()
        if hold is None:
            raise Conflict("Its payouts are not on hold.")
        hold.lifted_by, hold.lifted_at = actor.name, now
        hold.lifting_reason = reason.strip()[:500]
        hold.save(update_fields=["lifted_by", "lifted_at", "lifting_reason"])
    return hold


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why.", hint="The provider reads it.")
