"""GPUs changing hands: facts that rentals writes here and validation reads."""

from datetime import datetime
from uuid import UUID

from core import live
from marketplace import outbox
from marketplace.models import HandOver
from marketplace.selectors.hosting import rental_words


def record_hand_over(
    *, node_id: int, holder: UUID, to_renter: bool, gpu_count: int, now: datetime
) -> HandOver:
    """Record that GPUs went to a renter, or came back to the market, and tell their provider."""
    towards = HandOver.Direction.TO_RENTER if to_renter else HandOver.Direction.TO_MARKET
    hand_over = HandOver.objects.create(
        node_id=node_id, holder=holder, direction=towards, gpu_count=gpu_count, occurred_at=now
    )
    _tell(hand_over, now=now)
    return hand_over


def _tell(hand_over: HandOver, *, now: datetime) -> None:
    """Say that a rental began or ended, and never whose: a pod has the name here that its machine's page shows."""
    node, began = hand_over.node, hand_over.direction == HandOver.Direction.TO_RENTER
    live.publish(f"node:{node.public_id}")
    outbox.announce(
        node,
        provider=node.provider,
        kind="rental.started" if began else "rental.ended",
        text=f"{rental_words(hand_over)}.",
        payload={"pod": str(hand_over.holder), "gpu_count": hand_over.gpu_count},
        now=now,
    )
