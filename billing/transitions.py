"""The only place that assigns the status of what is paid in and out (docs/money.md)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

from billing import hooks
from billing.models import (
    BatchStatus,
    Deposit,
    DepositStatus,
    Invoice,
    InvoiceStatus,
    OutgoingTransfer,
    PaymentEvent,
    Payout,
    PayoutBatch,
    PayoutStatus,
    TransferStatus,
)
from billing.reasons import Reason
from core import live, states
from core.actors import Actor

Inv, Dep, Out = InvoiceStatus, DepositStatus, TransferStatus
Bat, Pay = BatchStatus, PayoutStatus
_ARRIVED = {Inv.UNDERPAID, Inv.PAID, Inv.OVERPAID, Inv.LATE}

INVOICE: Final[Mapping[InvoiceStatus, frozenset[InvoiceStatus]]] = {
    Inv.OPEN: frozenset(_ARRIVED | {Inv.SEEN, Inv.EXPIRED}),
    Inv.SEEN: frozenset(_ARRIVED | {Inv.OPEN}),
    Inv.UNDERPAID: frozenset({Inv.PAID, Inv.OVERPAID, Inv.LATE}),
    Inv.PAID: frozenset({Inv.OVERPAID, Inv.DOUBLE}),
    Inv.OVERPAID: frozenset({Inv.DOUBLE}),
    Inv.DOUBLE: frozenset(),
    Inv.EXPIRED: frozenset({Inv.LATE}),
    Inv.LATE: frozenset(),
}
DEPOSIT: Final[Mapping[DepositStatus, frozenset[DepositStatus]]] = {
    Dep.SEEN: frozenset({Dep.CREDITED, Dep.UNMATCHED, Dep.REPLACED}),
    Dep.REPLACED: frozenset({Dep.SEEN, Dep.CREDITED, Dep.UNMATCHED}),
    Dep.CREDITED: frozenset(),
    Dep.UNMATCHED: frozenset({Dep.SETTLED, Dep.REFUND_REQUESTED}),
    Dep.SETTLED: frozenset(),
    Dep.REFUND_REQUESTED: frozenset({Dep.UNMATCHED, Dep.REFUNDED}),
    Dep.REFUNDED: frozenset(),
}
OUTGOING: Final[Mapping[TransferStatus, frozenset[TransferStatus]]] = {
    Out.PLANNED: frozenset({Out.SIGNED, Out.FAILED}),
    Out.SIGNED: frozenset({Out.FINAL, Out.FAILED, Out.PLANNED}),
    Out.FINAL: frozenset(),
    Out.FAILED: frozenset(),
}
BATCH: Final[Mapping[BatchStatus, frozenset[BatchStatus]]] = {
    Bat.PROPOSED: frozenset({Bat.APPROVED, Bat.REFUSED, Bat.EXPIRED}),
    Bat.APPROVED: frozenset({Bat.COMPLETED}),
    Bat.REFUSED: frozenset(),
    Bat.EXPIRED: frozenset(),
    Bat.COMPLETED: frozenset(),
}
PAYOUT: Final[Mapping[PayoutStatus, frozenset[PayoutStatus]]] = {
    Pay.PROPOSED: frozenset({Pay.APPROVED, Pay.DROPPED}),
    Pay.APPROVED: frozenset({Pay.PAID, Pay.FAILED}),
    Pay.DROPPED: frozenset(),
    Pay.PAID: frozenset(),
    Pay.FAILED: frozenset(),
}
# What an event's field for it does not say in full.
NAMES: Final = {"batch": "payout batch"}
S = TypeVar("S", InvoiceStatus, DepositStatus, TransferStatus, BatchStatus, PayoutStatus)


def move_invoice(
    invoice: Invoice, *, to: InvoiceStatus, reason: Reason, actor: Actor, now: datetime
) -> None:
    """Change an invoice's status and record why; the caller holds the row lock.

    :raises IllegalTransition: the table has no such move.
    """
    _move("invoice", invoice, INVOICE, to=to, reason=reason, words="", actor=actor, now=now)
    invoice.save(update_fields=["status"])
    live.publish(f"invoice:{invoice.public_id}")


def move_deposit(
    deposit: Deposit,
    *,
    to: DepositStatus,
    reason: Reason,
    actor: Actor,
    now: datetime,
    words: str = "",
) -> None:
    """Change a deposit's status, save it, and record why; ``words`` are an administrator's own.

    :raises IllegalTransition: the table has no such move.
    """
    _move("deposit", deposit, DEPOSIT, to=to, reason=reason, words=words, actor=actor, now=now)
    deposit.save()
    publish(deposit)
    if to in (DepositStatus.CREDITED, DepositStatus.SETTLED):
        hooks.deposit_credited(deposit, now=now)


def move_outgoing(
    transfer: OutgoingTransfer,
    *,
    to: TransferStatus,
    reason: Reason,
    actor: Actor,
    now: datetime,
    words: str = "",
) -> None:
    """Change an outgoing transfer's status, save it and record why; ``words`` are the chain's own or an admin's.

    :raises IllegalTransition: the table has no such move.
    """
    _move("transfer", transfer, OUTGOING, to=to, reason=reason, words=words, actor=actor, now=now)
    transfer.updated_at = now
    transfer.error = (words or reason.words)[:500] if to == TransferStatus.FAILED else ""
    transfer.save()


def move_batch(
    batch: PayoutBatch,
    *,
    to: BatchStatus,
    reason: Reason,
    actor: Actor,
    now: datetime,
    words: str = "",
) -> None:
    """Change a batch's status, save it and record why; the caller holds the row lock.

    :raises IllegalTransition: the table has no such move.
    """
    _move("batch", batch, BATCH, to=to, reason=reason, words=words, actor=actor, now=now)
    batch.save()


def note_batch(
    batch: PayoutBatch, *, reason: Reason, actor: Actor, now: datetime, words: str
) -> None:
    """Record how a batch began."""
    PaymentEvent.objects.create(batch=batch, **_event("", batch.status, reason, words, actor, now))


def move_payout(
    payout: Payout,
    *,
    to: PayoutStatus,
    reason: Reason,
    actor: Actor,
    now: datetime,
    words: str = "",
) -> None:
    """Change a payout's status, save it and record why; the caller holds the row lock.

    :raises IllegalTransition: the table has no such move.
    """
    _move("payout", payout, PAYOUT, to=to, reason=reason, words=words, actor=actor, now=now)
    if to in (PayoutStatus.DROPPED, PayoutStatus.FAILED):
        payout.reason = (words or reason.words)[:500]
    if to != PayoutStatus.APPROVED:
        payout.ended_at = now
    payout.save()


def publish(deposit: Deposit) -> None:
    """Tell the pages that show a deposit."""
    if deposit.invoice is not None:
        live.publish(f"invoice:{deposit.invoice.public_id}")
    if deposit.workspace is not None:
        live.publish(f"deposits:{deposit.workspace.public_id}")


def _move(
    kind: str,
    row: Invoice | Deposit | OutgoingTransfer | PayoutBatch | Payout,
    table: Mapping[S, frozenset[S]],
    *,
    to: S,
    reason: Reason,
    words: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Hold a move to its table, record it, and give the row its status; ``kind`` is also the record's field for it."""
    source = type(to)(row.status)
    states.require(table, of=NAMES.get(kind, kind), source=source, target=to)
    PaymentEvent.objects.create(
        **{kind: row}, **_event(source, to, reason, words or reason.words, actor, now)
    )
    row.status = to


def _event(
    source: str, target: str, reason: Reason, words: str, actor: Actor, now: datetime
) -> dict[str, object]:
    return {
        "from_status": source,
        "to_status": target,
        "reason_code": reason.code,
        "reason": words[:500],
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "created_at": now,
    }
