"""The only place that assigns the status of an invoice, a deposit or a sweep (docs/money.md)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from billing.models import (
    Deposit,
    DepositStatus,
    Invoice,
    InvoiceStatus,
    PaymentEvent,
    Sweep,
    SweepStatus,
)
from billing.reasons import Reason
from core import live, states
from core.actors import Actor

Inv, Dep, Swp = InvoiceStatus, DepositStatus, SweepStatus
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
    Dep.REFUND_REQUESTED: frozenset({Dep.UNMATCHED}),
}
SWEEP: Final[Mapping[SweepStatus, frozenset[SweepStatus]]] = {
    Swp.PLANNED: frozenset({Swp.SIGNED, Swp.FAILED}),
    Swp.SIGNED: frozenset({Swp.FINAL, Swp.FAILED}),
    Swp.FINAL: frozenset(),
    Swp.FAILED: frozenset(),
}


def move_invoice(
    invoice: Invoice, *, to: InvoiceStatus, reason: Reason, actor: Actor, now: datetime
) -> None:
    """Change an invoice's status and record why; the caller holds the row lock.

    :raises IllegalTransition: the table has no such move.
    """
    source = InvoiceStatus(invoice.status)
    states.require(INVOICE, of="invoice", source=source, target=to)
    PaymentEvent.objects.create(
        invoice=invoice, **_event(source, to, reason, reason.words, actor, now)
    )
    invoice.status = to
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
    source = DepositStatus(deposit.status)
    states.require(DEPOSIT, of="deposit", source=source, target=to)
    PaymentEvent.objects.create(
        deposit=deposit, **_event(source, to, reason, words or reason.words, actor, now)
    )
    deposit.status = to
    deposit.save()
    if deposit.invoice is not None:
        live.publish(f"invoice:{deposit.invoice.public_id}")


def move_sweep(sweep: Sweep, *, to: SweepStatus, now: datetime, error: str = "") -> None:
    """Change a sweep's status and save it; the row itself is the record.

    :raises IllegalTransition: the table has no such move.
    """
    states.require(SWEEP, of="sweep", source=SweepStatus(sweep.status), target=to)
    sweep.status, sweep.updated_at, sweep.error = to, now, error[:500]
    sweep.save()


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
