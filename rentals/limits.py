"""How often a workspace may rent, ask for prices and read logs, page and API together (docs/security.md)."""

from typing import Final

from django.conf import settings

from accounts.models import Workspace
from core import ratelimit
from core.places import Places

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


# Hours each: counted as they run, not as they begin.
followed_logs: Final = Places(total=64, each=8, what="logs are being followed")
# A silent machine must not take all threads of the pages.
read_logs: Final = Places(
    total=max(1, settings.HTTP_THREADS // 2), each=2, what="logs are being read"
)
