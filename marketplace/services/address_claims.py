"""Whose machine it is: an entry is a claim until we logged in there, and then no other may be the same machine.

Anyone may claim any address: a claim keeps nobody else out, and none that we never got into stays.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from core.actors import PLATFORM
from core.errors import Conflict
from marketplace.models import Node, Provider
from marketplace.services import delisting
from marketplace.transitions import Reason

MOST_CLAIMS: Final = 50
CLAIM_LIFE: Final = timedelta(days=1)
BATCH: Final = 100


class TooManyClaims(Conflict):
    """A provider has so many machines that were never reached."""

    code = "too_many_claims"


def require_few_claims(provider: Provider) -> None:
    """Refuse another claim while too many of a provider wait to be reached.

    :raises TooManyClaims: there are.
    """
    if _claims().filter(provider=provider).count() >= MOST_CLAIMS:
        raise TooManyClaims(
            f"{MOST_CLAIMS} of your machines were added and never reached.",
            hint="Bring them up, or take them off, before you add more.",
        )


def is_taken(host: str, port: int, *, besides: int = 0) -> bool:
    """Say whether another machine answers at an address, as far as this market knows."""
    return _proven_at(host, port, besides).filter(missing_since=None).exists()


def has_key(host_key: str, *, besides: int) -> bool:
    """Say whether another entry is the machine with a host key."""
    return _proven(besides).filter(host_key=host_key).exists()


def prove(node: Node, *, now: datetime) -> bool:
    """Note that we logged in over a node's host key; False where another entry is this machine.

    The caller holds the row lock.
    """
    if node.proven_at is not None:
        return True
    if has_key(node.host_key, besides=node.pk):
        return False
    try:
        with transaction.atomic():
            vacate(node.host, node.ssh_port, besides=node.pk)
            node.proven_at = now
            node.save(update_fields=["proven_at", "updated_at"])
    except IntegrityError:
        # Another entry was faster.
        node.proven_at = None
        return False
    return True


def vacate(host: str, port: int, *, besides: int) -> None:
    """Take an address from who was there before: with another host key answering, it changed hands."""
    _proven_at(host, port, besides).update(proven_at=None)


def drop_claims(now: datetime) -> int:
    """Take off what was added a day ago and never let us in; give how many."""
    old = _claims().filter(created_at__lt=now - CLAIM_LIFE).order_by("pk")
    with transaction.atomic():
        found = list(old.select_for_update(no_key=True, skip_locked=True)[:BATCH])
        for node in found:
            detail = "Never reached within a day. Add it again once it lets this market's key in."
            delisting.leave(node, reason=Reason.DELISTED, actor=PLATFORM, now=now, detail=detail)
    return len(found)


def _claims() -> QuerySet[Node]:
    return Node.objects.filter(delisted_at=None, proven_at=None, last_seen_at=None)


def _proven(besides: int) -> QuerySet[Node]:
    return Node.objects.filter(delisted_at=None, proven_at__isnull=False).exclude(pk=besides)


def _proven_at(host: str, port: int, besides: int) -> QuerySet[Node]:
    return _proven(besides).filter(host=host, ssh_port=port)
