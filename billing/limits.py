"""How often a workspace may ask for an invoice or the price of alpha, page and API together (docs/security.md)."""

from typing import Final

from accounts.models import Workspace
from core import ratelimit

INVOICES_PER_WORKSPACE: Final = "30/hour"
QUOTES_PER_WORKSPACE: Final = "60/minute"


def invoice(workspace: Workspace) -> None:
    """Count a new invoice.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("invoices", str(workspace.public_id), INVOICES_PER_WORKSPACE)


def alpha_quote(workspace: Workspace) -> None:
    """Count a question for the price of alpha, which asks the chain.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("alpha-quotes", str(workspace.public_id), QUOTES_PER_WORKSPACE)
