"""Rentals as the provider of a machine may know them: when, how many GPUs, what they earned; never what ran."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from core.huid import huid
from marketplace.models import HandOver, Node, Provider
from marketplace.selectors.earnings import earned_by

RENTALS: Final = """
SELECT holder, max(gpu_count), min(occurred_at) FILTER (WHERE direction = 'to_renter'),
       max(occurred_at) FILTER (WHERE direction = 'to_market')
FROM marketplace_handover WHERE node_id = %(node)s
GROUP BY holder ORDER BY max(id) DESC LIMIT %(limit)s
"""
BY_NODE: Final = """
SELECT held.node_id, sum(mine.amount)
FROM billing_account account
JOIN billing_posting mine ON mine.account_id = account.id
JOIN billing_entry entry ON entry.id = mine.entry_id
JOIN (SELECT DISTINCT hand.holder, hand.node_id FROM marketplace_handover hand
      JOIN marketplace_node node ON node.id = hand.node_id
      WHERE node.provider_id = %(provider)s) held ON held.holder = entry.subject_id
WHERE account.kind = 'provider' AND account.currency = 'USD' AND account.owner_id = %(owner)s
  AND entry.occurred_at >= %(since)s
GROUP BY held.node_id
"""


@dataclass(frozen=True, slots=True)
class Rental:
    """A pod on a machine of one's own; ``until`` None while it runs."""

    holder: UUID
    gpu_count: int
    since: datetime | None
    until: datetime | None
    earned_usd: Decimal


def rentals(node: Node, *, limit: int = 20) -> list[Rental]:
    """List the rentals of a node, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(RENTALS, {"node": node.pk, "limit": limit})
        rows = cursor.fetchall()
    earned = earned_by(node.provider, [row[0] for row in rows])
    return [
        Rental(holder, gpu_count, since, until, earned.get(holder, Decimal(0)))
        for holder, gpu_count, since, until in rows
    ]


def rental_words(hand_over: HandOver) -> str:
    """Say that a rental began or ended."""
    gpus = f"{hand_over.gpu_count} GPU{'s' if hand_over.gpu_count > 1 else ''}"
    began = hand_over.direction == HandOver.Direction.TO_RENTER
    return f"{'Rental' if began else 'End of the rental'} of {gpus} by the pod {huid(hand_over.holder)}"


def earned_by_node(provider: Provider, *, since: datetime) -> dict[int, Decimal]:
    """Give what each machine of a provider earned since a moment, after the fee, by primary key."""
    owner = str(provider.public_id)
    with connection.cursor() as cursor:
        cursor.execute(BY_NODE, {"provider": provider.pk, "owner": owner, "since": since})
        return dict(cursor.fetchall())
