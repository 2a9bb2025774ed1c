"""What the end of a fuelling means: a deposit address has TAO for the fee of what leaves it."""

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
        Leg(treasury_account(), amount + fee),
        Leg(deposits_account(), -amount),
        Leg(network_fees_account(), -fee),
    ]


def settle(row: OutgoingTransfer, *, now: datetime) -> None:
    """Count what came to the address."""
    if row.status == TransferStatus.FINAL:
        addresses.moved(row.destination, row.amount_rao)
