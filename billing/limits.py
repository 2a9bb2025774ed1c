"""How often one may ask for what costs us: invoices, the price of alpha, files of the ledger (docs/security.md)."""

from typing import Final
from uuid import UUID

from accounts.models import Workspace
from core import ratelimit

INVOICES_PER_WORKSPACE: Final = "30/hour"
QUOTES_PER_WORKSPACE: Final = "60/minute"
DOCUMENTS_PER_WORKSPACE: Final = "60/hour"
STATEMENTS_PER_OWNER: Final = "10/hour"


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


def document(workspace: Workspace) -> None:
    """Count a document that is drawn or summed up for a workspace.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("documents", str(workspace.public_id), DOCUMENTS_PER_WORKSPACE)


def whole_statement(owner_id: UUID) -> None:
    """Count a file with each entry of an account, of a workspace or a provider, by its public id.

    :raises RateLimited: too many of this owner.
    """
    ratelimit.check("statements", str(owner_id), STATEMENTS_PER_OWNER)
