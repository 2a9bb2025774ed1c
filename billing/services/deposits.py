"""What a transfer to one of our addresses does: seen, credited, held, replaced (docs/money.md, Deposits).

Everything here runs in the watcher's transaction, under the lock of its cursor.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.conf import settings

from billing import transitions
from billing.chain.port import Block
from billing.models import Deposit, DepositStatus, Invoice, InvoiceStatus
from billing.reasons import Reason
from billing.services import addresses, deposit_postings
from billing.services.book import Arrival, Book
from core.actors import PLATFORM, Actor
from core.money import rao_to_usd

SETTLED_WHOLE: Final = frozenset({InvoiceStatus.PAID, InvoiceStatus.OVERPAID, InvoiceStatus.DOUBLE})
COUNTED: Final = (DepositStatus.CREDITED, DepositStatus.SETTLED, DepositStatus.REFUNDED)


def sight(book: Book, block: Block, arrival: Arrival) -> Deposit:
    """Write down a transfer in a block, final or not; a row for each (block, event), once."""
    deposit, _ = Deposit.objects.select_related("invoice", "standing_address").get_or_create(
        block_hash=block.hash,
        event_index=arrival.event_index,
        defaults={
            "workspace": book.workspace_of(arrival),
            "invoice": book.invoices.get(arrival.address),
            "standing_address": book.standing.get(arrival.address),
            "genesis": book.genesis,
            "block_number": block.number,
            "block_at": block.at,
            "extrinsic_hash": arrival.extrinsic_hash,
            "sender": arrival.sender,
            "address": arrival.address,
            "amount_rao": arrival.rao,
            "netuid": arrival.netuid,
            "hotkey": arrival.hotkey,
            "seen_at": book.now,
        },
    )
    if deposit.status == DepositStatus.REPLACED:
        _move(deposit, DepositStatus.SEEN, Reason.BLOCK_RETURNED, book.now)
    return deposit


def finalize(book: Book, block: Block, arrival: Arrival) -> None:
    """Credit a final transfer, or hold it; a repeat changes nothing."""
    deposit = sight(book, block, arrival)
    if deposit.status != DepositStatus.SEEN:
        return
    deposit.finalized_at = book.now
    # The coldkey may have been linked since the transfer was first seen.
    deposit.workspace = deposit.workspace or book.workspace_of(arrival)
    if deposit.netuid is None:
        addresses.moved(deposit.address, deposit.amount_rao)
    _price(book, deposit)
    obstacle = _obstacle(book, deposit)
    if obstacle is None:
        _credit(book, deposit)
    else:
        _hold(deposit, obstacle, book.now)


def replace(deposits: Sequence[Deposit], *, now: datetime) -> None:
    """Mark sightings whose block is no longer part of the chain."""
    for deposit in deposits:
        _move(deposit, DepositStatus.REPLACED, Reason.BLOCK_REPLACED, now)


def follow_sightings(invoices: Sequence[Invoice], *, seen: frozenset[int], now: datetime) -> None:
    """Move invoices between open and seen by the sightings there are; ``seen`` holds invoice ids."""
    for invoice in invoices:
        if invoice.status == InvoiceStatus.OPEN and invoice.pk in seen:
            to, reason = InvoiceStatus.SEEN, Reason.TRANSFER_SEEN
        elif invoice.status == InvoiceStatus.SEEN and invoice.pk not in seen:
            held = invoice.deposits.filter(status=DepositStatus.UNMATCHED).exists()
            to, reason = InvoiceStatus.OPEN, Reason.TRANSFER_HELD if held else Reason.BLOCK_REPLACED
        else:
            continue
        transitions.move_invoice(invoice, to=to, reason=reason, actor=PLATFORM, now=now)


def expire(invoices: Sequence[Invoice], *, now: datetime) -> None:
    """End invoices for which nothing came in time."""
    for invoice in invoices:
        transitions.move_invoice(
            invoice, to=InvoiceStatus.EXPIRED, reason=Reason.TIME_OVER, actor=PLATFORM, now=now
        )


def status_after(invoice: Invoice, *, rao: int, late: bool) -> InvoiceStatus:
    """Say what an invoice becomes when ``rao`` more are credited to it."""
    if invoice.status in SETTLED_WHOLE:
        again = invoice.status == InvoiceStatus.DOUBLE or rao >= invoice.tao_amount_rao
        return InvoiceStatus.DOUBLE if again else InvoiceStatus.OVERPAID
    if late or invoice.status in (InvoiceStatus.LATE, InvoiceStatus.EXPIRED):
        return InvoiceStatus.LATE
    paid = invoice.paid_rao + rao
    if paid == invoice.tao_amount_rao:
        return InvoiceStatus.PAID
    enough = paid > invoice.tao_amount_rao
    return InvoiceStatus.OVERPAID if enough else InvoiceStatus.UNDERPAID


def _price(book: Book, deposit: Deposit) -> None:
    """Keep what the deposit is worth on it: at the invoice's rate in time, else at that of its arrival."""
    invoice = book.invoices.get(deposit.address)
    deposit.late = invoice is not None and deposit.block_at > invoice.expires_at
    if deposit.netuid is not None:
        deposit.tao_per_alpha = book.prices.tao_per_alpha.get(deposit.netuid)
    if invoice is not None and not deposit.late:
        deposit.rate_usd_per_tao = invoice.rate_usd_per_tao
        deposit.rate_source = invoice.rate_source
        deposit.rate_observed_at = invoice.rate_observed_at
        deposit.rate_observations = invoice.rate_observations
    elif book.prices.rate is not None:
        deposit.rate_usd_per_tao = book.prices.rate.usd_per_tao
        deposit.rate_source = book.prices.rate.source
        deposit.rate_observed_at = book.prices.rate.observed_at
        deposit.rate_observations = book.prices.rate.as_json()


def _obstacle(book: Book, deposit: Deposit) -> Reason | None:
    """Say why a final deposit cannot be credited; None when nothing is in the way."""
    if deposit.netuid is not None and deposit.address != book.treasury:
        return Reason.ALPHA_ASTRAY
    if deposit.netuid is not None and deposit.netuid not in settings.MARKET_ALPHA_SUBNETS:
        return Reason.WRONG_SUBNET
    if deposit.workspace is None:
        return Reason.UNKNOWN_SENDER
    if _counted_before(deposit):
        return Reason.AGAIN
    if deposit.netuid is not None and deposit.tao_per_alpha is None:
        return Reason.NO_PRICE
    if _is_dust(book, deposit):
        return Reason.DUST
    return Reason.NO_RATE if deposit.rate_usd_per_tao is None else None


def _is_dust(book: Book, deposit: Deposit) -> bool:
    """Whether it is not worth collecting; an invoice's rest may be smaller than what comes without one."""
    rao = Decimal(deposit.amount_rao) * _tao_per_unit(deposit)
    return rao <= book.fee_rao or (deposit.invoice is None and rao < book.smallest_rao)


def _counted_before(deposit: Deposit) -> bool:
    """Whether the same signed transfer was credited from a block that a final chain has lost."""
    same = Deposit.objects.filter(extrinsic_hash=deposit.extrinsic_hash, status__in=COUNTED)
    return bool(deposit.extrinsic_hash) and same.exclude(block_hash=deposit.block_hash).exists()


def _credit(book: Book, deposit: Deposit) -> None:
    deposit.credited_workspace = deposit.workspace
    deposit.credited_usd = worth(deposit)
    if deposit.workspace is None:
        raise ValueError("A deposit is credited to a workspace.")
    deposit_postings.post_credit(deposit, deposit.workspace)
    _move(deposit, DepositStatus.CREDITED, _credited_how(deposit), book.now)
    if invoice := book.invoices.get(deposit.address):
        count(invoice, deposit, actor=PLATFORM, now=book.now)


def worth(deposit: Deposit) -> Decimal:
    """Give what a deposit is worth in USD at the rates that it keeps."""
    if deposit.rate_usd_per_tao is None:
        raise ValueError(f"{deposit} has no rate.")
    usd_per_unit = deposit.rate_usd_per_tao * _tao_per_unit(deposit)
    return rao_to_usd(deposit.amount_rao, usd_per_tao=usd_per_unit)


def _tao_per_unit(deposit: Deposit) -> Decimal:
    if deposit.netuid is None:
        return Decimal(1)
    if deposit.tao_per_alpha is None:
        raise ValueError(f"{deposit} has no price of its alpha.")
    return deposit.tao_per_alpha


def _credited_how(deposit: Deposit) -> Reason:
    if deposit.invoice is None:
        return Reason.CREDITED_ON_ARRIVAL
    return Reason.CREDITED_LATE if deposit.late else Reason.CREDITED_IN_TIME


def count(invoice: Invoice, deposit: Deposit, *, actor: Actor, now: datetime) -> None:
    """Count what was credited as paid to its invoice, whose lock the caller holds."""
    to = status_after(invoice, rao=deposit.amount_rao, late=deposit.late)
    invoice.paid_rao += deposit.amount_rao
    invoice.save(update_fields=["paid_rao"])
    if to != invoice.status:
        transitions.move_invoice(invoice, to=to, reason=Reason.TRANSFER_FINAL, actor=actor, now=now)


def _hold(deposit: Deposit, reason: Reason, now: datetime) -> None:
    deposit.held_for = reason.code
    deposit_postings.post_held(deposit, memo=reason.words)
    _move(deposit, DepositStatus.UNMATCHED, reason, now)


def _move(deposit: Deposit, to: DepositStatus, reason: Reason, now: datetime) -> None:
    transitions.move_deposit(deposit, to=to, reason=reason, actor=PLATFORM, now=now)
