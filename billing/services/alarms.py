"""A final block that is not there any more: noticed once, told until it is over, never a debit (docs/money.md)."""

from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from billing.chain.port import ChainGateway, ChainUnavailable
from billing.models import ChainAlarm, ChainCursor, Deposit, DepositStatus
from core.actors import PLATFORM, Actor
from core.errors import Conflict, Invalid

log = structlog.get_logger(__name__)
# How many of the newest blocks with deposits are asked for again.
BLOCKS_LOOKED_AT: Final = 50
SPENT: Final = (DepositStatus.CREDITED, DepositStatus.SETTLED, DepositStatus.REFUNDED)


def open_alarms() -> QuerySet[ChainAlarm]:
    """Give the alarms that nobody has closed."""
    return ChainAlarm.objects.filter(closed_at=None).order_by("noticed_at")


def notice(cursor: ChainCursor, *, gateway: ChainGateway, now: datetime) -> None:
    """Write down that the block at the cursor was replaced, with the deposits that went with it; once."""
    if open_alarms().filter(genesis=cursor.genesis).exists():
        return
    found, affected = "", list[UUID]()
    # Where every node shows another chain there is nobody left to ask; the alarm stands all the same.
    with suppress(ChainUnavailable):
        found = gateway.block(cursor.number).hash
        affected = _affected(cursor, gateway)
    ChainAlarm.objects.bulk_create(
        [
            ChainAlarm(
                genesis=cursor.genesis,
                block_number=cursor.number,
                recorded_hash=cursor.block_hash,
                found_hash=found,
                affected=affected,
                noticed_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    log.critical("chain.replaced", block=cursor.number, deposits=[str(one) for one in affected])


def withdraw(cursor: ChainCursor, *, now: datetime) -> None:
    """Close the alarm of a chain that shows the recorded block again."""
    if open_alarms().filter(genesis=cursor.genesis).exists():
        _close(cursor, actor=PLATFORM, reason="The recorded block is back.", now=now)


def read_on(
    alarm: ChainAlarm, *, gateway: ChainGateway, reason: str, actor: Actor, now: datetime
) -> None:
    """Take the chain as it is now and read on from the same height; credits stay until somebody reverses them.

    :raises Invalid: no reason was given. :raises Conflict: it is closed, or the chain has not come so far yet.
    :raises ChainUnavailable: the chain does not answer.
    """
    if not reason.strip():
        raise Invalid("Say why.", hint="The reason is kept with the alarm.")
    heads = gateway.heads()
    if heads.finalized < alarm.block_number:
        raise Conflict(
            f"The chain is final to block {heads.finalized}, before block {alarm.block_number}.",
            hint="Wait until it has passed that block.",
        )
    block = gateway.block(alarm.block_number)
    with transaction.atomic(durable=True):
        cursor = ChainCursor.objects.select_for_update(no_key=True).get(genesis=alarm.genesis)
        if cursor.number != alarm.block_number or not _close(
            cursor, actor=actor, reason=reason, now=now
        ):
            raise Conflict("This alarm is over.", hint="Look at the chain's cursor.")
        cursor.block_hash, cursor.block_at = block.hash, block.at
        cursor.save(update_fields=["block_hash", "block_at"])


def _affected(cursor: ChainCursor, gateway: ChainGateway) -> list[UUID]:
    """Give deposits that were credited from blocks which the chain does not show any more."""
    credited = Deposit.objects.filter(
        genesis=cursor.genesis, status__in=SPENT, block_number__lte=cursor.number
    )
    numbers = credited.order_by("-block_number").values_list("block_number", flat=True).distinct()
    affected = list[UUID]()
    for number in numbers[:BLOCKS_LOOKED_AT]:
        present = gateway.block(number).hash
        gone = credited.filter(block_number=number).exclude(block_hash=present)
        affected.extend(gone.values_list("public_id", flat=True))
    return affected


def _close(cursor: ChainCursor, *, actor: Actor, reason: str, now: datetime) -> int:
    return (
        open_alarms()
        .filter(genesis=cursor.genesis)
        .update(closed_at=now, closed_by=actor.name, closing_reason=reason[:500])
    )
