"""What the end of a refund means: a deposit is out of suspense, or waits there for another decision."""

from collections.abc import Sequence
from datetime import datetime

from billing import transitions
from billing.accounts import (
    deposits_account,
    network_fees_account,
    suspense_account,
    treasury_account,
)
from billing.ledger import Leg
from billing.models import Deposit, DepositStatus, OutgoingTransfer, TransferStatus
from billing.reasons import Reason
from billing.services import addresses, deposit_postings
from core.actors import PLATFORM
from core.money import rao_to_tao


def legs(row: OutgoingTransfer) -> Sequence[Leg]:
    """Post what went back; of the fee, what the sender did not bear is the platform's."""
    return _tao_legs(row) if row.netuid is None else _alpha_legs(row)


def settle(row: OutgoingTransfer, *, now: datetime) -> None:
    """Move the deposit on."""
    deposit = (
        Deposit.objects.select_for_update(no_key=True, of=("self",))
        .select_related("invoice", "standing_address", "workspace")
        .get(refunds=row)
    )
    final = row.status == TransferStatus.FINAL
    transitions.move_deposit(
        deposit,
        to=DepositStatus.REFUNDED if final else DepositStatus.UNMATCHED,
        reason=Reason.REFUND_FINAL if final else Reason.TRANSFER_FAILED,
        actor=PLATFORM,
        now=now,
        words="" if final else row.error,
    )
    if not row.from_treasury:
        addresses.moved(row.sender, -row.fee_rao)


def _tao_legs(row: OutgoingTransfer) -> Sequence[Leg]:
    came = rao_to_tao(_deposit(row).amount_rao)
    sent, fee = rao_to_tao(row.amount_rao), rao_to_tao(row.fee_rao)
    borne = came - sent
    return [
        Leg(suspense_account(), -came),
        Leg(treasury_account(), sent + fee),
        Leg(network_fees_account(), borne - fee),
    ]


def _alpha_legs(row: OutgoingTransfer) -> Sequence[Leg]:
    deposit = _deposit(row)
    alpha, fee = rao_to_tao(row.amount_rao), rao_to_tao(row.fee_rao)
    home = treasury_account() if row.from_treasury else deposits_account()
    return [
        Leg(suspense_account(deposit_postings.currency_of(deposit)), -alpha),
        Leg(deposit_postings.home_of(deposit), alpha),
        Leg(home, fee),
        Leg(network_fees_account(), -fee),
    ]


def _deposit(row: OutgoingTransfer) -> Deposit:
    return Deposit.objects.select_related("invoice", "standing_address").get(refunds=row)
