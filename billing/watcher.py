"""Reads the chain in order and credits what is final; safe to stop and start anywhere, and to run twice.

The chain is asked first, with no transaction open. Then one transaction takes the cursor's lock, checks that the
cursor still stands where the reading began, and writes the credits together with the new height.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from billing import chain_state, hooks, transitions
from billing.chain.port import (
    Block,
    ChainGateway,
    ChainReplaced,
    ChainUnavailable,
    Heads,
    Network,
    Scan,
)
from billing.models import (
    Account,
    AccountKind,
    ChainCursor,
    Deposit,
    DepositStatus,
    Invoice,
    InvoiceStatus,
    OutgoingTransfer,
    Payout,
)
from billing.services import addresses, alarms, book, deposits, endings
from billing.services.book import Book
from core import live

# Blocks; common nodes forget what happened before the last 256.
REMEMBERED: Final = 200
ALERT: Final = "blocks_not_read"


def watch(*, gateway: ChainGateway, now: datetime) -> ChainCursor:
    """Credit everything that became final since the last time, and look at what is not final yet.

    :raises ChainUnavailable: the chain does not answer; :raises ChainReplaced: it is not the one we read before.
    Whatever else it fails at is told to operators: no block after it would ever be read.
    """
    try:
        cursor = _watch(gateway, now)
    except ChainUnavailable:
        raise
    except Exception as error:
        chain_state.keep_problem(f"{type(error).__name__}: {error}")
        # Anybody may read an alert; the words of an error are for operators.
        detail = f"The watcher ended with {type(error).__name__}, and no later block is read."
        hooks.open_alert(ALERT, f"{detail} The admin's first page and the log say why.", now=now)
        raise
    hooks.close_alert(ALERT, now=now)
    return cursor


def _watch(gateway: ChainGateway, now: datetime) -> ChainCursor:
    cursor = _cursor(gateway, gateway.network(), now)
    try:
        gateway.hold_to(number=cursor.number, hash=cursor.block_hash)
    except ChainReplaced:
        alarms.notice(cursor, gateway=gateway, now=now)
        raise
    alarms.withdraw(cursor, now=now)
    heads = gateway.heads()
    while cursor.number < heads.finalized:
        scan = gateway.scan(after=cursor.number, upto=heads.finalized)
        cursor = _apply_final(gateway, cursor, scan, heads=heads, now=now)
    _apply_heads(gateway, cursor, _unfinalized(gateway, heads), heads=heads, now=now)
    return cursor


def _cursor(gateway: ChainGateway, network: Network, now: datetime) -> ChainCursor:
    found = ChainCursor.objects.filter(genesis=network.genesis).first()
    if found is not None:
        return found
    start = gateway.block(_first_block(network, now))
    fields = {
        "network": network.name,
        "number": start.number,
        "block_hash": start.hash,
        "block_at": start.at,
        "best": start.number,
        "read_at": now,
    }
    return ChainCursor.objects.get_or_create(genesis=network.genesis, defaults=fields)[0]


def _first_block(network: Network, now: datetime) -> int:
    """Begin where addresses were first shown: somebody may have paid before anybody looked."""
    shown = addresses.first_shown()
    if shown is None:
        return network.first_block
    passed = int((now - shown).total_seconds()) // network.block_seconds + 1
    return max(0, network.first_block - min(max(0, passed), REMEMBERED))


def _apply_final(
    gateway: ChainGateway, cursor: ChainCursor, scan: Scan, *, heads: Heads, now: datetime
) -> ChainCursor:
    prices = book.ask_prices(gateway, scan.blocks, now=now)
    fee = gateway.transfer_fee()
    with transaction.atomic(durable=True):
        held = _lock(cursor)
        if held.number != cursor.number:
            return held
        opened = book.open_book(held.genesis, scan.blocks, prices=prices, fee_rao=fee, now=now)
        outgoing = endings.awaited(scan.blocks)
        _lock_accounts(opened, outgoing)
        sent = frozenset(row.extrinsic_hash for row in outgoing) - {""}
        for block in scan.blocks:
            endings.finish(outgoing, block, now=now)
            for arrival in book.arrivals(block):
                if arrival.extrinsic_hash not in sent and opened.concerns(arrival):
                    deposits.finalize(opened, block, arrival)
        deposits.replace(_gone(upto=scan.until.number), now=now)
        _follow_sightings(now=now)
        deposits.expire(_waiting_at(scan.until.at), now=now)
        _advance(held, scan.until, heads=heads, now=now)
    return held


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
        unknown = book.Prices(rate=None, tao_per_alpha={})
        opened = book.open_book(held.genesis, blocks, prices=unknown, fee_rao=0, now=now)
        sent = endings.on_their_way()
        seen = [
            deposits.sight(opened, block, arrival).pk
            for block in blocks
            for arrival in book.arrivals(block)
            if arrival.extrinsic_hash not in sent and opened.workspace_of(arrival) is not None
        ]
        in_flight = Deposit.objects.filter(status=DepositStatus.SEEN).select_related(
            "invoice", "workspace"
        )
        deposits.replace(list(in_flight.exclude(pk__in=seen)), now=now)
        _follow_sightings(now=now)
        if held.best != heads.best:
            _tell(in_flight)
        held.best, held.read_at, held.problem = heads.best, now, ""
        held.save(update_fields=["best", "read_at", "problem"])


def _unfinalized(gateway: ChainGateway, heads: Heads) -> list[Block]:
    return list(gateway.scan(after=heads.finalized, upto=heads.best).blocks)


def _lock(cursor: ChainCursor) -> ChainCursor:
    return ChainCursor.objects.select_for_update(no_key=True).get(pk=cursor.pk)


def _lock_accounts(opened: Book, outgoing: Sequence[OutgoingTransfer]) -> None:
    """Lock whose balances may move before any of the platform's own accounts: the one order (docs/money.md, Locks)."""
    paid = Payout.objects.filter(transfer__in=outgoing).values("provider_id")
    for which in (
        Q(kind=AccountKind.RENTER, workspace__in=opened.payers),
        Q(kind=AccountKind.PROVIDER, owner_id__in=paid),
    ):
        rows = Account.objects.filter(which).order_by("pk")
        list(rows.select_for_update(no_key=True).values_list("pk"))


def _gone(*, upto: int) -> list[Deposit]:
    seen = Deposit.objects.filter(status=DepositStatus.SEEN, block_number__lte=upto)
    return list(seen.select_related("invoice", "workspace"))


def _waiting_at(moment: datetime) -> list[Invoice]:
    waiting = Invoice.objects.filter(status=InvoiceStatus.OPEN, expires_at__lt=moment)
    return list(waiting.order_by("pk").select_for_update(no_key=True))


def _follow_sightings(*, now: datetime) -> None:
    sightings = Deposit.objects.filter(
        status=DepositStatus.SEEN, invoice__isnull=False, netuid__isnull=True
    )
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
        transitions.publish(deposit)
