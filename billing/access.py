"""The one door from a request to an invoice or a deposit: what is not the caller's does not exist for them."""

from uuid import UUID

from accounts.principal import Principal
from billing import selectors
from billing.models import Deposit, Invoice
from core.errors import NotFound


def invoice_for(principal: Principal, public_id: UUID) -> Invoice:
    """Give an invoice of the caller's workspace.

    :raises NotFound: there is none that the caller may know of.
    """
    found = Invoice.objects.filter(workspace=principal.workspace, public_id=public_id).first()
    if found is None:
        raise NotFound(
            "There is no such invoice, or it is not yours.", hint="Yours are on the Billing page."
        )
    return found


def deposit_for(principal: Principal, public_id: UUID) -> Deposit:
    """Give a deposit that came for the caller's workspace, or was credited to it.

    :raises NotFound: there is none that the caller may know of.
    """
    found = selectors.deposits_for(principal.workspace).filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            "There is no such deposit, or it is not yours.",
            hint="Yours are on the Deposits page.",
        )
    return found
