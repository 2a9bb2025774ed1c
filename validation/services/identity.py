"""Whose cards were proven: those that the machine lists, and that no other machine has shown before it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.db import connection

from marketplace.models import Node
from validation.models import CardSample, Proof
from validation.proof.bundle.records import Card
from validation.verifier.claims import LEAST_MEMORY, MOST_MEMORY
from validation.verifier.report import Check, check

# A card that was taken out of one machine may be in another after this.
REMEMBERED: Final = timedelta(days=2)
MIB: Final = 1 << 20


def check_listed(node: Node, cards: Sequence[Card]) -> Check:
    """Compare the cards that took part with what the market knows of the machine: which they are, and how large."""
    listed = set(node.gpus.values_list("uuid", flat=True))
    shown = {card.uuid for card in cards}
    wrong = [] if node.simulated else [card for card in cards if not _is_as_large(card, node)]
    sizes = ", ".join(f"{card.memory_bytes / MIB:,.0f} MiB" for card in wrong)
    return check(
        "listing",
        shown == listed and not wrong,
        measured=f"{len(shown & listed)} of {len(shown)} cards are listed; {len(listed - shown)} listed ones are missing"
        + (f"; of another size: {sizes}" if wrong else ""),
        required="the cards that the market lists, and no others, by UUID; of their model's memory",
        remedy="Have the machine checked again after its cards were changed, then have it proven.",
    )


def check_alone(proof: Proof, uuids: Sequence[str], *, now: datetime) -> Check:
    """Look for another listed machine that proved one of the cards before; only the newcomer fails.

    The caller has sound arithmetic at hand and holds the proof's row; cards stay locked until its transaction ends, so
    that of two machines that show a card at the same moment one is the newcomer. Simulated machines that were copied
    from each other share their stand-ins: they are left out.
    """
    others = [] if proof.simulated else _others(proof, uuids, now=now)
    shown = ", ".join(f"{other.uuid} in proof {other.proof.public_id}" for other in others)
    return check(
        "twins",
        not others,
        measured=f"also shown by another machine: {shown}"
        if others
        else "no other machine shows them",
        required=f"cards that no other listed machine has shown within {REMEMBERED.days} days",
        remedy="Take the card's other machine off the market, or ask the operators to look.",
    )


def _is_as_large(card: Card, node: Node) -> bool:
    return LEAST_MEMORY <= card.memory_bytes / (node.gpu_model.memory_mib * MIB) <= MOST_MEMORY


def _others(proof: Proof, uuids: Sequence[str], *, now: datetime) -> list[CardSample]:
    _lock(uuids)
    elsewhere = CardSample.objects.filter(
        uuid__in=uuids, taken_at__gt=now - REMEMBERED, node__delisted_at=None, simulated=False
    ).exclude(node=proof.node_id)
    return list(elsewhere.select_related("proof").order_by("node", "-id").distinct("node"))


def _lock(uuids: Sequence[str]) -> None:
    """Hold these cards until the transaction ends, always in the same order."""
    keys = sorted(
        {int.from_bytes(sha256(uuid.encode()).digest()[:8], signed=True) for uuid in uuids}
    )
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
