"""How often a workspace may ask for an invoice, page and API together (docs/security.md)."""

from typing import Final

from accounts.models import Workspace
from core import ratelimit

INVOICES_PER_WORKSPACE: Final = "30/hour"


def invoice(workspace: Workspace) -> None:
    """Count a new invoice.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("invoices", str(workspace.public_id), INVOICES_PER_WORKSPACE)
