"""How often this market lets itself be sent to an address that somebody typed, or be asked for machines."""

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from django.conf import settings

from accounts.models import Workspace
from core import ratelimit, resolving
from core.places import Places
from marketplace.models import Node, Provider

ADDRESSES_PER_PROVIDER: Final = "120/hour"
RUNS_PER_MACHINE: Final = "20/hour"
RUNS_PER_PROVIDER: Final = "240/hour"
REQUESTS_PER_WORKSPACE: Final = "60/hour"


# Whoever typed an address waits on a page while it is looked up, and asked: slow ones must not take its threads.
looked_at: Final = Places(
    total=max(1, settings.HTTP_THREADS // 4), each=1, what="addresses are being looked at"
)


def looking_up(host: str, *, asking: Provider | Workspace) -> AbstractContextManager[None]:
    """Hold a place while a name is looked up; an address needs none. Whoever owns a name decides how long it takes.

    :raises RateLimited: all places are taken, or the one of who asks.
    """
    return nullcontext() if resolving.is_address(host) else looked_at.one_for(asking)


def reaching(provider: Provider) -> None:
    """Count an address that a provider wants reached, or we would scan ports for strangers.

    :raises RateLimited: too many of this provider.
    """
    ratelimit.check("reaching", str(provider.public_id), ADDRESSES_PER_PROVIDER)


def checking(node: Node) -> None:
    """Count a run of checks that a provider wants: each takes a worker for a minute or more.

    :raises RateLimited: too many of this machine, or of this provider.
    """
    ratelimit.check("checking", str(node.public_id), RUNS_PER_MACHINE)
    ratelimit.check("checking-all", str(node.provider.public_id), RUNS_PER_PROVIDER)


def asking(workspace: Workspace) -> None:
    """Count a wish for machines: each may mail many providers.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("machine-request", str(workspace.public_id), REQUESTS_PER_WORKSPACE)
