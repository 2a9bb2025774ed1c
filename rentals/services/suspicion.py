"""When silence is rather our own fault than the machines', nothing is concluded from it: one rule with the market's.

Meters need no care: they rest at the last good probe by themselves.
"""

from datetime import datetime, timedelta
from typing import Final

from marketplace.models import Node
from marketplace.services import outage
from rentals.actions import Action, Step
from rentals.models import PodStatus
from rentals.observations import Contact, Seen

# Every node of a healthy market answers somebody within this time.
LOOKED_AT: Final = timedelta(minutes=1)
FROM_SILENCE: Final = frozenset(
    {
        PodStatus.UNREACHABLE,
        PodStatus.LOST,
        PodStatus.REBOOT_FAILED,
        PodStatus.STOPPING,
        PodStatus.FAILED,
    }
)


def is_ours(node_id: int, *, now: datetime) -> bool:
    """Say whether a silence of this node is rather our own fault: who else answered since it began?"""
    missing = Node.objects.values_list("missing_since", flat=True).get(pk=node_id)
    return outage.is_ours(since=missing or now - LOOKED_AT, now=now)


def is_silence(seen: Seen) -> bool:
    """Say whether nobody answered: the machine, or the SSH server of a pod whose container runs."""
    if seen.contact is Contact.SILENT:
        return True
    runs = seen.container is not None and seen.container.running is True
    return runs and seen.readiness is not None and not seen.readiness.banner


def withholds(step: Step, seen: Seen, *, node_id: int, now: datetime) -> bool:
    """Say whether a step rests on a silence from which nothing may be concluded."""
    concludes = step.action is Action.EXPLAIN or step.to in FROM_SILENCE
    return concludes and seen.contact is Contact.SILENT and is_ours(node_id, now=now)
