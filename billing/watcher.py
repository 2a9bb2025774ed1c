"""Reads the chain in order and credits what is final; safe to stop and start anywhere, and to run twice.

The chain is asked first, with no transaction open. Then one transaction takes the cursor's lock, checks that the
cursor still stands where the reading began, and writes the credits together with the new height.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from billing import rates
from billing.chain.port import Block, ChainGateway, Heads, Network, Scan, Transfer
from billing.models import ChainCursor, Deposit, DepositStatus, Invoice, InvoiceStatus
from billing.rates import Rate, RateUnavailable
from billing.services import deposits, sweeping
from billing.services.deposits import Book
from core import live

log = structlog.get_logger(__name__)


class ChainReplaced(Exception):
    """A block that was final is no longer there: another chain, or one that was rolled back. Nothing is read."""


def watch(*, gateway: ChainGateway, now: datetime) -> ChainCursor:
    """Credit everything that became final since the last time, and look at what is not final yet.

    :raises ChainUnavailable: the chain does not answer; :raises ChainReplaced: it is not the one we read before.
    """
    network, heads = gateway.network(), gateway.heads()
    cursor = _cursor(gateway, network, heads, now)
    if gateway.block(cursor.number).hash != cursor.block_hash:
        raise ChainReplaced(f"Block {cursor.number} was {cursor.block_hash} and is not any more.")
    while cursor.number < heads.finalized:
        scan = gateway.scan(after=cursor.number, upto=heads.finalized)
        cursor = _apply_final(gateway, cursor, scan, heads=heads, now=now)
    _apply_heads(gateway, cursor, _unfinalized(gateway, heads), heads=heads, now=now)
    return cursor


def _cursor(gateway: ChainGateway, network: Network, heads: Heads, now: datetime) -> ChainCursor:
    found = ChainCursor.objects.filter(genesis=network.genesis).first()
    if found is not None:
        return found
    start = gateway.block(network.first_block)
    fields = {
        "network": network.name,
        "number": start.number,
        "block_hash": start.hash,
        "block_at": start.at,
        "best": heads.best,
        "read_at": now,
    }
    return ChainCursor.objects.get_or_create(genesis=network.genesis, defaults=fields)[0]


def _apply_final(
    gateway: ChainGateway, cursor: ChainCursor, scan: Scan, *, heads: Heads, now: datetime
) -> ChainCursor:
    late_rate = _rate_for_late(scan.blocks, now)
    dust = gateway.transfer_fee()
    with transaction.atomic(durable=True):
        held = _lock(cursor)
        if held.number != cursor.number:
            return held
        book = _book(held, scan.blocks, late_rate=late_rate, dust=dust, now=now)
        for block in scan.blocks:
            for transfer in block.transfers:
                _apply(book, block, transfer)
        deposits.replace(_gone(upto=scan.until.number), now=now)
        _follow_sightings(now=now)
        deposits.expire(_waiting_at(scan.until.at), now=now)
        _advance(held, scan.until, heads=heads, now=now)
    return held


def _apply(book: Book, block: Block, transfer: Transfer) -> None:
    if transfer.sender in book.sweeping and sweeping.finish(transfer, block=block, now=book.now):
        return
    if transfer.destination in book.invoices or transfer.destination == book.treasury:
        deposits.finalize(book, block, transfer)


def _apply_heads(
    gateway: ChainGateway,
    cursor: ChainCursor,
    blocks: Sequence[Block],
    *,
    heads: Heads,
    now: datetime,
) -> None:
    with transaction.atomic(durable=True):
        held = _lock(cursor)
        if held.number != cursor.number:
            return
        book = _book(held, blocks, late_rate=None, dust=0, now=now)
        seen = [
            deposits.sight(book, block, transfer).pk
            for block in blocks
            for transfer in block.transfers
            if transfer.destination in book.invoices
        ]
        in_flight = Deposit.objects.filter(status=DepositStatus.SEEN).select_related("invoice")
        deposits.replace(list(in_flight.exclude(pk__in=seen)), now=now)
        _follow_sightings(now=now)
        if held.best != heads.best:
            _tell(in_flight)
        held.best, held.read_at = heads.best, now
        held.save(update_fields=["best", "read_at"])


def _unfinalized(gateway: ChainGateway, heads: Heads) -> list[Block]:
    return list(gateway.scan(after=heads.finalized, upto=heads.best).blocks)


def _rate_for_late(blocks: Iterable[Block], now: datetime) -> Rate | None:
    late = Q()
    for block in blocks:
        addresses = [transfer.destination for transfer in block.transfers]
        late |= Q(address__in=addresses, expires_at__lt=block.at)
    if not late or not Invoice.objects.filter(late).exists():
        return None
    try:
        return rates.current(now=now)
    except RateUnavailable as error:
        log.warning("watcher.no_rate_for_late_deposit", error=error.message)
        return None


def _book(
    cursor: ChainCursor,
    blocks: Iterable[Block],
    *,
    late_rate: Rate | None,
    dust: int,
    now: datetime,
) -> Book:
    transfers = [transfer for block in blocks for transfer in block.transfers]
    ours = Invoice.objects.filter(address__in={one.destination for one in transfers})
    locked = ours.select_related("workspace").order_by("pk")
    return Book(
        genesis=cursor.genesis,
        invoices={one.address: one for one in locked.select_for_update(no_key=True, of=("self",))},
        sweeping=sweeping.addresses_of(one.sender for one in transfers),
        treasury=settings.TREASURY_ADDRESS,
        late_rate=late_rate,
        dust_rao=dust,
        now=now,
    )


def _lock(cursor: ChainCursor) -> ChainCursor:
    return ChainCursor.objects.select_for_update(no_key=True).get(pk=cursor.pk)


def _gone(*, upto: int) -> list[Deposit]:
    seen = Deposit.objects.filter(status=DepositStatus.SEEN, block_number__lte=upto)
    return list(seen.select_related("invoice"))


def _waiting_at(moment: datetime) -> list[Invoice]:
    waiting = Invoice.objects.filter(status=InvoiceStatus.OPEN, expires_at__lt=moment)
    return list(waiting.order_by("pk").select_for_update(no_key=True))


def _follow_sightings(*, now: datetime) -> None:
    sightings = Deposit.objects.filter(status=DepositStatus.SEEN, invoice__isnull=False)
    seen = frozenset(sightings.values_list("invoice__pk", flat=True))
    affected = Invoice.objects.filter(
        Q(status=InvoiceStatus.SEEN) | Q(status=InvoiceStatus.OPEN, pk__in=seen)
    )
    rows = list(affected.order_by("pk").select_for_update(no_key=True))
    deposits.follow_sightings(rows, seen=seen, now=now)


def _advance(cursor: ChainCursor, until: Block, *, heads: Heads, now: datetime) -> None:
    cursor.number, cursor.block_hash, cursor.block_at = until.number, until.hash, until.at
    cursor.best, cursor.read_at = heads.best, now
    cursor.save()
    live.publish("chain")


def _tell(in_flight: Iterable[Deposit]) -> None:
    for deposit in in_flight:
        if deposit.invoice is not None:
            live.publish(f"invoice:{deposit.invoice.public_id}")
