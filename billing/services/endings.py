"""How outgoing transfers end: what final blocks say of them is posted, once, in the watcher's transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Protocol

from billing import ledger, transitions
from billing.accounts import deposits_account, network_fees_account, treasury_account
from billing.chain.port import Block, Outcome
from billing.ledger import Leg
from billing.models import (
    OPEN_TRANSFERS,
    Account,
    OutgoingTransfer,
    TransferKind,
    TransferStatus,
)
from billing.reasons import Reason
from billing.services import fuel_ending, payout_ending, refund_ending, sweep_ending
from core.actors import PLATFORM
from core.money import TAO, rao_to_tao


class Ending(Protocol):
    """What the end of one kind of transfer means."""

    def legs(self, row: OutgoingTransfer) -> Sequence[Leg]:
        """Give what a final transfer posts, in one currency or more; ``fee_rao`` is what was taken."""

    def settle(self, row: OutgoingTransfer, *, now: datetime) -> None:
        """Move what waited for a transfer that is final or failed now."""


ENDINGS: Final[dict[str, Ending]] = {
    TransferKind.SWEEP: sweep_ending,
    TransferKind.PAYOUT: payout_ending,
    TransferKind.REFUND: refund_ending,
    TransferKind.FUEL: fuel_ending,
}


def awaited(blocks: Iterable[Block]) -> list[OutgoingTransfer]:
    """Lock the open transfers of the keys that signed something in these blocks."""
    signers = {outcome.signer for block in blocks for outcome in block.outcomes}
    rows = OutgoingTransfer.objects.filter(
        sender__in=signers, status__in=OPEN_TRANSFERS, nonce__isnull=False
    )
    return list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)))


def on_their_way() -> frozenset[str]:
    """Give the hashes of what we signed and what is not final: no deposits, wherever they go."""
    signed = OutgoingTransfer.objects.filter(status=TransferStatus.SIGNED)
    return frozenset(signed.values_list("extrinsic_hash", flat=True))


def finish(rows: Sequence[OutgoingTransfer], block: Block, *, now: datetime) -> None:
    """End those transfers that a final block decides: by their own hash, or by another that used their nonce."""
    places = {(row.sender, row.nonce): row for row in rows if row.status in OPEN_TRANSFERS}
    for outcome in block.outcomes:
        for row in rows:
            if row.status == TransferStatus.SIGNED and row.extrinsic_hash == outcome.extrinsic_hash:
                _end(row, outcome, block=block, now=now)
        overtaken = places.get((outcome.signer, outcome.nonce))
        if overtaken is not None and outcome.nonce is not None:
            _overtake(overtaken, now=now)


def give_up(row: OutgoingTransfer, *, reason: Reason, now: datetime, words: str = "") -> None:
    """End a transfer that can never come and cost nothing; the caller holds its lock."""
    transitions.move_outgoing(
        row, to=TransferStatus.FAILED, reason=reason, actor=PLATFORM, now=now, words=words
    )
    row.fee_rao = 0
    row.save(update_fields=["fee_rao"])
    ENDINGS[row.kind].settle(row, now=now)


def _end(row: OutgoingTransfer, outcome: Outcome, *, block: Block, now: datetime) -> None:
    row.fee_rao, row.block_number = outcome.fee_rao, block.number
    to, reason = TransferStatus.FINAL, Reason.SENT
    if outcome.failed:
        to, reason = TransferStatus.FAILED, Reason.REFUSED_BY_CHAIN
    transitions.move_outgoing(
        row, to=to, reason=reason, actor=PLATFORM, now=now, words=outcome.failed
    )
    # What is given back goes to a provider: its account is locked before the platform's (docs/money.md, Locks).
    ENDINGS[row.kind].settle(row, now=now)
    _post(row, block)


def _post(row: OutgoingTransfer, block: Block) -> None:
    failed = row.status == TransferStatus.FAILED
    legs = _fee_legs(row) if failed else ENDINGS[row.kind].legs(row)
    memo = f"{row.get_kind_display()} from {row.sender}, block {block.number}"
    for currency in sorted({leg.account.currency for leg in legs if leg.amount}):
        ledger.post(
            key=f"{row.kind}:{row.public_id}" + ("" if currency == TAO else ":alpha"),
            kind=row.kind,
            legs=[leg for leg in legs if leg.account.currency == currency],
            occurred_at=block.at,
            subject=("transfer", row.public_id),
            memo=memo + (f": {row.error}" if failed else ""),
        )


def _fee_legs(row: OutgoingTransfer) -> Sequence[Leg]:
    fee = rao_to_tao(row.fee_rao)
    return [Leg(home_of(row), fee), Leg(network_fees_account(), -fee)]


def home_of(row: OutgoingTransfer) -> Account:
    """Give the account of the address that a transfer leaves."""
    return treasury_account() if row.from_treasury else deposits_account()


def _overtake(row: OutgoingTransfer, *, now: datetime) -> None:
    if row.status == TransferStatus.SIGNED:
        give_up(row, reason=Reason.NONCE_TAKEN, now=now)
    elif row.status == TransferStatus.PLANNED:
        # Nothing was sent with it: the next run hands out another.
        row.nonce = None
        row.save(update_fields=["nonce"])
