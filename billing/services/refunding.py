"""Sending a held deposit back: asked for by one administrator, approved here by another (docs/money.md, Refunds)."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.services import powers
from billing.models import (
    Deposit,
    DepositStatus,
    OutgoingTransfer,
    PaymentEvent,
    TransferKind,
    TransferStatus,
)
from core.actors import Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, NotFound


def approve(*, deposit_id: UUID, fee_rao: int, actor: Actor, now: datetime) -> OutgoingTransfer:
    """Plan the transfer that sends a deposit back; ``fee_rao`` is what one costs, and the sender of TAO bears it.

    :raises Forbidden: by who asked for it, or by new powers; :raises Conflict: no refund was asked for, or it is on its way.
    :raises Invalid: it is not worth the fee.
    """
    if actor.kind != ActorKind.ADMIN:
        raise Forbidden("Refunds are approved by administrators.")
    powers.require_settled(actor, now=now)
    with transaction.atomic(durable=True):
        deposit = _locked(deposit_id)
        _require_asked_by_another(deposit, actor)
        if deposit.refunds.exclude(status=TransferStatus.FAILED).exists():
            raise Conflict(
                "The refund is approved already.", hint="Its transfer says how far it is."
            )
        return OutgoingTransfer.objects.create(
            kind=TransferKind.REFUND,
            deposit=deposit,
            destination=deposit.sender,
            netuid=deposit.netuid,
            hotkey=deposit.hotkey,
            amount_rao=_amount(deposit, fee_rao),
            fee_rao=fee_rao,
            created_at=now,
            updated_at=now,
            **_origin(deposit),
        )


def _amount(deposit: Deposit, fee_rao: int) -> int:
    if deposit.netuid is not None:
        return deposit.amount_rao
    if deposit.amount_rao <= fee_rao:
        raise Invalid(
            f"It is {deposit.amount_rao} rao, and sending it back costs {fee_rao}.",
            hint="Withdraw the refund, and credit it or leave it where it is.",
        )
    return deposit.amount_rao - fee_rao


def _origin(deposit: Deposit) -> dict[str, object]:
    """Say which key pays: the treasury's, but for alpha that lies on a deposit address, which no sweep collects."""
    holder = deposit.invoice or deposit.standing_address
    if deposit.netuid is None or holder is None:
        return {"sender": settings.TREASURY_ADDRESS}
    return {
        "sender": holder.address,
        "deposit_key": holder.deposit_key,
        "derivation_index": holder.derivation_index,
    }


def _require_asked_by_another(deposit: Deposit, actor: Actor) -> None:
    if deposit.status != DepositStatus.REFUND_REQUESTED:
        raise Conflict(
            "No refund was asked for.", hint="Ask for it; another administrator approves."
        )
    asked = PaymentEvent.objects.filter(deposit=deposit, to_status=DepositStatus.REFUND_REQUESTED)
    if asked.latest("pk").actor_id == actor.id:
        raise Forbidden(
            "Who asked for a refund cannot approve it.", hint="Ask another administrator."
        )


def _locked(deposit_id: UUID) -> Deposit:
    rows = Deposit.objects.select_for_update(no_key=True, of=("self",))
    rows = rows.select_related("invoice__deposit_key", "standing_address__deposit_key")
    if (deposit := rows.filter(public_id=deposit_id).first()) is None:
        raise NotFound("There is no such deposit.")
    return deposit
