"""Paying with test TAO: the faucet of the local chain sends it."""

from datetime import datetime
from typing import Final

from accounts.models import Workspace
from billing.chain.local import node
from billing.models import Invoice
from billing.services import standing
from core.errors import Conflict

TEST_RAO: Final = 10**9


def pay(invoice: Invoice, *, now: datetime) -> None:
    """Send what is missing to the invoice's address.

    :raises Conflict: nothing is asked for any more.
    """
    if not invoice.is_payable(now):
        raise Conflict("This invoice asks for nothing any more.", hint="Make another one.")
    node.mint(address=invoice.address, rao=min(invoice.missing_rao, node.FAUCET_LIMIT_RAO))


def send_test_tao(workspace: Workspace, *, now: datetime) -> None:
    """Send one test TAO to a workspace's standing address.

    :raises CheckoutUnavailable: there is no deposit key.
    """
    node.mint(address=standing.address_of(workspace, now=now).address, rao=TEST_RAO)
