"""What the end of a payout means: TAO left the treasury, or the USD are back on the provider's balance."""

from collections.abc import Sequence
from datetime import datetime

from billing import hooks, ledger, transitions
from billing.accounts import network_fees_account, trading_account, treasury_account
from billing.ledger import Leg
from billing.models import (
    BatchStatus,
    Entry,
    OutgoingTransfer,
    Payout,
    PayoutBatch,
    PayoutStatus,
    TransferStatus,
)
from billing.reasons import Reason
from billing.services.payout_batches import usd_key
from core.actors import PLATFORM
from core.money import TAO, rao_to_tao


def legs(row: OutgoingTransfer) -> Sequence[Leg]:
    """Post what was paid, and the fee, which is the platform's."""
    amount, fee = rao_to_tao(row.amount_rao), rao_to_tao(row.fee_rao)
    return [
        Leg(trading_account(TAO), -amount),
        Leg(treasury_account(), amount + fee),
        Leg(network_fees_account(), -fee),
    ]


def settle(row: OutgoingTransfer, *, now: datetime) -> None:
    """End the payout, give a failed one back, tell its provider, and close a batch of which it was the last."""
    batch = PayoutBatch.objects.select_for_update(no_key=True).get(payouts__transfer=row)
    payout = Payout.objects.select_for_update(no_key=True, of=("self",)).get(transfer=row)
    if row.status == TransferStatus.FINAL:
        transitions.move_payout(
            payout, to=PayoutStatus.PAID, reason=Reason.PAID_OUT, actor=PLATFORM, now=now
        )
    else:
        _give_back(payout, row.error, now)
    hooks.payout_ended(payout, now=now)
    if not batch.payouts.filter(status=PayoutStatus.APPROVED).exists():
        transitions.move_batch(
            batch,
            to=BatchStatus.COMPLETED,
            reason=Reason.BATCH_COMPLETED,
            actor=PLATFORM,
            now=now,
        )


def _give_back(payout: Payout, why: str, now: datetime) -> None:
    taken = Entry.objects.get(idempotency_key=usd_key(payout))
    ledger.reverse(
        key=f"reversal:{usd_key(payout)}",
        of=taken,
        occurred_at=now,
        memo=f"The payout failed: {why}",
    )
    transitions.move_payout(
        payout,
        to=PayoutStatus.FAILED,
        reason=Reason.TRANSFER_FAILED,
        actor=PLATFORM,
        now=now,
        words=why,
    )
