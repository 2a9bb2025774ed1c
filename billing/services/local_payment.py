"""Paying an invoice with test TAO: the faucet of the local chain sends what is missing."""

from datetime import datetime

from billing.chain.local import node
from billing.models import Invoice
from core.errors import Conflict


def pay(invoice: Invoice, *, now: datetime) -> None:
    """Send what is missing to the invoice's address.

    :raises Conflict: nothing is asked for any more.
    """
    if not invoice.is_payable(now):
        raise Conflict("This invoice asks for nothing any more.", hint="Make another one.")
    node.mint(address=invoice.address, rao=min(invoice.missing_rao, node.FAUCET_LIMIT_RAO))
