"""How often a workspace may rent and ask for prices, page and API together (docs/security.md)."""

from typing import Final

from accounts.models import Workspace
from core import ratelimit

RENTS_PER_WORKSPACE: Final = "60/minute"
QUOTES_PER_WORKSPACE: Final = "120/minute"
LOGS_PER_WORKSPACE: Final = "60/minute"


def rent(workspace: Workspace) -> None:
    """Count a try to rent.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("rent", str(workspace.public_id), RENTS_PER_WORKSPACE)


def quote(workspace: Workspace) -> None:
    """Count a question for a price that is held.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("quote", str(workspace.public_id), QUOTES_PER_WORKSPACE)


def logs(workspace: Workspace) -> None:
    """Count a log that is read from its machine.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("logs", str(workspace.public_id), LOGS_PER_WORKSPACE)
