"""Sending what was planned: a nonce, then a signature that is stored, then the network, as often as it takes.

Whoever can sign calls `send`. How a transfer ended is told by final blocks alone (`billing.services.endings`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum

from billing import transitions
from billing.chain.port import ChainGateway, SignedTransfer, Signer, TransferRefused
from billing.models import (
    OPEN_TRANSFERS,
    ChainCursor,
    OutgoingTransfer,
    TransferKind,
    TransferStatus,
)
from billing.reasons import Reason
from billing.services import endings
from billing.signing import SignerFailed
from core.actors import PLATFORM

log = structlog.get_logger(__name__)
BATCH: Final = 50
SignerOf = Callable[[OutgoingTransfer], Signer]


class WrongKey(Exception):
    """The key at hand is not the one of the address that should pay: nothing was signed."""


def send(*, gateway: ChainGateway, which: Q, signer_of: SignerOf, now: datetime) -> int:
    """Take open transfers a step further, each address's in the order of its nonces; give how many were sent.

    :raises ChainUnavailable: the chain does not answer.
    """
    rows = OutgoingTransfer.objects.filter(which, status__in=OPEN_TRANSFERS)
    _hand_out_nonces(gateway, rows.filter(nonce=None), now)
    read = _read_upto(gateway)
    sent, waiting = 0, set[str]()
    for row in rows.filter(nonce__isnull=False).order_by("nonce", "pk")[:BATCH]:
        # A later nonce cannot come before this one.
        if row.sender not in waiting and _step(gateway, row, signer_of, read=read, now=now):
            sent += 1
        else:
            waiting.add(row.sender)
    return sent


def _hand_out_nonces(
    gateway: ChainGateway, rows: QuerySet[OutgoingTransfer], now: datetime
) -> None:
    waiting = set[str]()
    for row in rows.order_by("pk")[:BATCH]:
        # Whoever waits for funds is not overtaken by who needs less.
        if row.sender not in waiting and _with_nonce(gateway, row, now).nonce is None:
            waiting.add(row.sender)


def _step(
    gateway: ChainGateway,
    row: OutgoingTransfer,
    signer_of: SignerOf,
    *,
    read: int | None,
    now: datetime,
) -> bool:
    if _is_void(row, read):
        row = _renewed(gateway, row, now)
    if row.status == TransferStatus.PLANNED and row.nonce is not None:
        try:
            row = _signed(gateway, row, signer_of(row), now)
        except (WrongKey, SignerFailed, TransferRefused) as error:
            # Those of other addresses, and what is signed already, need not wait for this.
            _say(row, str(error))
            return False
    return row.status == TransferStatus.SIGNED and _submitted(gateway, row)


def _with_nonce(gateway: ChainGateway, row: OutgoingTransfer, now: datetime) -> OutgoingTransfer:
    if shortage := _shortage(gateway, row):
        return _without_funds(row, shortage, now)
    ended = _ended(row.sender)
    expected = gateway.next_nonce(row.sender)
    with transaction.atomic(durable=True):
        held, handed_out = _locked_queue(row)
        waits = held.status == TransferStatus.PLANNED and held.nonce is None
        # What ended since the chain was asked may have used the nonce that it named.
        if waits and ended == _ended(row.sender):
            held.nonce = next(nonce for nonce in count(expected) if nonce not in handed_out)
            held.error = ""
            held.save(update_fields=["nonce", "error"])
    return held


def _locked_queue(row: OutgoingTransfer) -> tuple[OutgoingTransfer, set[int | None]]:
    """Lock every open row of an address; give the one that is meant, and the nonces that are handed out."""
    queue = OutgoingTransfer.objects.filter(sender=row.sender, status__in=OPEN_TRANSFERS)
    list(queue.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    # Read again: what was locked may have been another worker's until now.
    return OutgoingTransfer.objects.get(pk=row.pk), set(queue.values_list("nonce", flat=True))


def _ended(sender: str) -> int:
    return OutgoingTransfer.objects.filter(sender=sender).exclude(status__in=OPEN_TRANSFERS).count()


@dataclass(frozen=True, slots=True)
class Shortage:
    """What an address lacks, and that in words."""

    rao: int
    words: str


def _shortage(gateway: ChainGateway, row: OutgoingTransfer) -> Shortage | None:
    """Say what the address lacks for this transfer and for those before it, or nothing."""
    before = OutgoingTransfer.objects.filter(
        sender=row.sender, status__in=OPEN_TRANSFERS, nonce__isnull=False, netuid=None
    )
    total = before.aggregate(rao=Sum(F("amount_rao") + F("fee_rao")))["rao"] or 0
    total += row.fee_rao if row.netuid is not None else row.amount_rao + row.fee_rao
    holds = gateway.balance(row.sender)
    if holds >= total:
        return None
    words = f"{row.sender} holds {holds} rao; amount and fee, with what goes before, are {total}."
    return Shortage(total - holds, words[:500])


def _without_funds(row: OutgoingTransfer, shortage: Shortage, now: datetime) -> OutgoingTransfer:
    log.error("outgoing.funds_missing", transfer=str(row.public_id), missing=shortage.words)
    with transaction.atomic(durable=True):
        held = _lock(row)
        if held.status != TransferStatus.PLANNED or held.nonce is not None:
            return held
        if held.kind == TransferKind.SWEEP:
            endings.give_up(held, reason=Reason.FUNDS_MISSING, words=shortage.words, now=now)
            return held
        held.error = shortage.words
        held.save(update_fields=["error"])
        if not held.from_treasury:
            _fuel(held, shortage, now)
    return held


def _fuel(row: OutgoingTransfer, shortage: Shortage, now: datetime) -> None:
    """Let the treasury send a deposit address what it lacks for a fee; the constraint lets one be on its way."""
    plan = OutgoingTransfer(
        kind=TransferKind.FUEL,
        sender=settings.TREASURY_ADDRESS,
        destination=row.sender,
        # What moves alpha may cost more than what moves TAO, by which the fee was told.
        amount_rao=shortage.rao + row.fee_rao,
        fee_rao=row.fee_rao,
        created_at=now,
        updated_at=now,
    )
    OutgoingTransfer.objects.bulk_create([plan], ignore_conflicts=True)


def _is_void(row: OutgoingTransfer, read: int | None) -> bool:
    return row.last_block is not None and read is not None and read >= row.last_block


def _renewed(gateway: ChainGateway, row: OutgoingTransfer, now: datetime) -> OutgoingTransfer:
    """Forget a signature that lapsed: the nonce stays, unless another transfer has used it or a gap lies before it."""
    expected = gateway.next_nonce(row.sender)
    with transaction.atomic(durable=True):
        held, handed_out = _locked_queue(row)
        if held.status != TransferStatus.SIGNED or held.extrinsic_hash != row.extrinsic_hash:
            return held
        nonce = held.nonce or 0
        if expected > nonce:
            endings.give_up(held, reason=Reason.NONCE_TAKEN, now=now)
        else:
            # A node once told a nonce too high: nothing fills the gap, so this one would never come.
            if any(before not in handed_out for before in range(expected, nonce)):
                held.nonce = None
            held.extrinsic_hash, held.body, held.last_block = "", "", None
            transitions.move_outgoing(
                held, to=TransferStatus.PLANNED, reason=Reason.LAPSED, actor=PLATFORM, now=now
            )
    return held


def _signed(
    gateway: ChainGateway, row: OutgoingTransfer, signer: Signer, now: datetime
) -> OutgoingTransfer:
    if signer.ss58_address != row.sender:
        raise WrongKey(f"The key is {signer.ss58_address}'s, the transfer {row.sender}'s.")
    signed = _signature(gateway, row, signer)
    with transaction.atomic(durable=True):
        held = _lock(row)
        if held.status == TransferStatus.PLANNED and held.nonce == signed.nonce:
            held.extrinsic_hash, held.body = signed.hash, signed.body
            held.last_block = signed.last_block
            transitions.move_outgoing(
                held, to=TransferStatus.SIGNED, reason=Reason.SIGNED, actor=PLATFORM, now=now
            )
    return held


def _signature(gateway: ChainGateway, row: OutgoingTransfer, signer: Signer) -> SignedTransfer:
    if row.netuid is None:
        return gateway.sign_transfer(
            signer=signer, to=row.destination, rao=row.amount_rao, nonce=row.nonce
        )
    return gateway.sign_stake_transfer(
        signer=signer,
        to=row.destination,
        hotkey=row.hotkey,
        netuid=row.netuid,
        alpha_rao=row.amount_rao,
        nonce=row.nonce,
    )


def _submitted(gateway: ChainGateway, row: OutgoingTransfer) -> bool:
    try:
        gateway.submit(_stored(row))
    except TransferRefused as refusal:
        _say(row, refusal.message)
        return False
    if row.error:
        OutgoingTransfer.objects.filter(pk=row.pk, status=TransferStatus.SIGNED).update(error="")
    return True


def _say(row: OutgoingTransfer, error: str) -> None:
    log.error("outgoing.waits", transfer=str(row.public_id), error=error)
    open_row = OutgoingTransfer.objects.filter(pk=row.pk, status__in=OPEN_TRANSFERS)
    open_row.update(error=error[:500])


def _stored(row: OutgoingTransfer) -> SignedTransfer:
    if row.nonce is None:
        raise ValueError(f"{row} was never signed.")
    return SignedTransfer(
        hash=row.extrinsic_hash, body=row.body, nonce=row.nonce, last_block=row.last_block
    )


def _lock(row: OutgoingTransfer) -> OutgoingTransfer:
    return OutgoingTransfer.objects.select_for_update(no_key=True).get(pk=row.pk)


def _read_upto(gateway: ChainGateway) -> int | None:
    found = ChainCursor.objects.filter(genesis=gateway.network().genesis)
    return found.values_list("number", flat=True).first()
