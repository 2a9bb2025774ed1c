"""What a transfer to one of our addresses does: seen, credited, held, replaced (docs/money.md, Deposits).

Everything here runs in the watcher's transaction, under the lock of its cursor.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F

from billing import ledger, transitions
from billing.accounts import (
    deposits_account,
    renter_account,
    suspense_account,
    trading_account,
    treasury_account,
)
from billing.chain.port import Block, Transfer
from billing.ledger import Leg
from billing.models import Deposit, DepositStatus, Invoice, InvoiceStatus
from billing.rates import Rate
from billing.reasons import Reason
from core.actors import PLATFORM
from core.money import TAO, USD, rao_to_tao, rao_to_usd

SETTLED_WHOLE = frozenset({InvoiceStatus.PAID, InvoiceStatus.OVERPAID, InvoiceStatus.DOUBLE})


@dataclass(frozen=True, slots=True)
class Book:
    """What the watcher knows when it reads blocks: invoices by address, what is swept, the rate for late ones."""

    genesis: str
    invoices: Mapping[str, Invoice]
    sweeping: Collection[str]
    treasury: str
    late_rate: Rate | None
    dust_rao: int
    now: datetime


def sight(book: Book, block: Block, transfer: Transfer) -> Deposit:
    """Write down a transfer in a block, final or not; a row for each (block, event), once."""
    deposit, _ = Deposit.objects.select_related("invoice").get_or_create(
        block_hash=block.hash,
        event_index=transfer.event_index,
        defaults={
            "invoice": book.invoices.get(transfer.destination),
            "genesis": book.genesis,
            "block_number": block.number,
            "block_at": block.at,
            "sender": transfer.sender,
            "address": transfer.destination,
            "amount_rao": transfer.rao,
            "seen_at": book.now,
        },
    )
    if deposit.status == DepositStatus.REPLACED:
        _move(deposit, DepositStatus.SEEN, Reason.BLOCK_RETURNED, book.now)
    return deposit


def finalize(book: Book, block: Block, transfer: Transfer) -> None:
    """Credit a final transfer, or hold it; a repeat changes nothing."""
    deposit = sight(book, block, transfer)
    if deposit.status != DepositStatus.SEEN:
        return
    deposit.finalized_at = book.now
    invoice = book.invoices.get(deposit.address)
    if invoice is None:
        _hold(deposit, Reason.UNKNOWN_SENDER, book.now)
        return
    # The book's copy may be older than a sweep of this address that became final in the same scan.
    Invoice.objects.filter(pk=invoice.pk).update(unswept_rao=F("unswept_rao") + deposit.amount_rao)
    if deposit.amount_rao <= book.dust_rao:
        _hold(deposit, Reason.DUST, book.now)
    else:
        _credit(book, invoice, deposit)


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
            to, reason = InvoiceStatus.OPEN, Reason.BLOCK_REPLACED
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
    if late or invoice.status == InvoiceStatus.LATE:
        return InvoiceStatus.LATE
    paid = invoice.paid_rao + rao
    if paid == invoice.tao_amount_rao:
        return InvoiceStatus.PAID
    enough = paid > invoice.tao_amount_rao
    return InvoiceStatus.OVERPAID if enough else InvoiceStatus.UNDERPAID


def _credit(book: Book, invoice: Invoice, deposit: Deposit) -> None:
    deposit.late = deposit.block_at > invoice.expires_at
    if not deposit.late:
        deposit.rate_usd_per_tao = invoice.rate_usd_per_tao
        deposit.rate_source = invoice.rate_source
    elif book.late_rate is not None:
        deposit.rate_usd_per_tao = book.late_rate.usd_per_tao
        deposit.rate_source = book.late_rate.source
    else:
        _hold(deposit, Reason.NO_RATE, book.now)
        return
    deposit.credited_workspace = invoice.workspace
    deposit.credited_usd = rao_to_usd(deposit.amount_rao, usd_per_tao=deposit.rate_usd_per_tao)
    _post_credit(deposit, invoice)
    reason = Reason.CREDITED_LATE if deposit.late else Reason.CREDITED_IN_TIME
    _move(deposit, DepositStatus.CREDITED, reason, book.now)
    _add(invoice, deposit, book.now)


def _post_credit(deposit: Deposit, invoice: Invoice) -> None:
    usd, tao = deposit.credited_usd or Decimal(0), rao_to_tao(deposit.amount_rao)
    memo = f"Deposit of {tao:f} TAO, block {deposit.block_number}"
    # The renter's side first: the platform's accounts are shared, so they are locked last (docs/money.md).
    post_legs(
        deposit,
        "usd",
        [Leg(trading_account(USD), -usd), Leg(renter_account(invoice.workspace), usd)],
        memo=memo,
    )
    post_legs(
        deposit, "tao", [Leg(deposits_account(), -tao), Leg(trading_account(TAO), tao)], memo=memo
    )


def post_legs(deposit: Deposit, suffix: str, legs: Sequence[Leg], *, memo: str) -> None:
    """Post one entry of a deposit under its key."""
    ledger.post(
        key=f"deposit:{deposit.block_hash}:{deposit.event_index}:{suffix}",
        kind="deposit",
        legs=legs,
        occurred_at=deposit.block_at,
        subject=("deposit", deposit.public_id),
        memo=memo,
    )


def _add(invoice: Invoice, deposit: Deposit, now: datetime) -> None:
    to = status_after(invoice, rao=deposit.amount_rao, late=deposit.late)
    invoice.paid_rao += deposit.amount_rao
    invoice.save(update_fields=["paid_rao"])
    if to != invoice.status:
        transitions.move_invoice(
            invoice, to=to, reason=Reason.TRANSFER_FINAL, actor=PLATFORM, now=now
        )


def _hold(deposit: Deposit, reason: Reason, now: datetime) -> None:
    tao = rao_to_tao(deposit.amount_rao)
    chain = treasury_account() if deposit.invoice is None else deposits_account()
    legs = [Leg(chain, -tao), Leg(suspense_account(), tao)]
    post_legs(deposit, "held", legs, memo=reason.words)
    _move(deposit, DepositStatus.UNMATCHED, reason, now)


def _move(deposit: Deposit, to: DepositStatus, reason: Reason, now: datetime) -> None:
    transitions.move_deposit(deposit, to=to, reason=reason, actor=PLATFORM, now=now)
