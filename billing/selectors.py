"""Reads of the ledger for pages and API."""

from decimal import Decimal

from accounts.models import Workspace
from billing.models import Account


def balance_usd(workspace: Workspace) -> Decimal:
    """Give what a workspace can spend, in USD."""
    account = Account.objects.filter(workspace=workspace, kind="renter", currency="USD").first()
    return account.balance if account else Decimal(0)
