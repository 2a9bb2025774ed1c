"""What the end of a sweep means: its address holds less, the treasury more."""

from collections.abc import Sequence
from datetime import datetime

from billing.accounts import deposits_account, network_fees_account, treasury_account
from billing.ledger import Leg
from billing.models import OutgoingTransfer, TransferStatus
from billing.services import addresses
from core.money import rao_to_tao


def legs(row: OutgoingTransfer) -> Sequence[Leg]:
    """Post what moved, and the fee."""
    amount, fee = rao_to_tao(row.amount_rao), rao_to_tao(row.fee_rao)
    return [
        Leg(deposits_account(), amount + fee),
        Leg(treasury_account(), -amount),
        Leg(network_fees_account(), -fee),
    ]


def settle(row: OutgoingTransfer, *, now: datetime) -> None:
    """Count what left the address."""
    left = row.fee_rao + (row.amount_rao if row.status == TransferStatus.FINAL else 0)
    addresses.moved(row.sender, -left)
