"""When many machines fall silent at once, the one thing that they share is us: then nothing is moved.

What counts is who answered since the silence began: a machine that nobody has asked since says nothing.
"""

import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models import Count, Q

from marketplace.models import Alert, Node, NodeStatus
from marketplace.services import alerts

log = structlog.get_logger(__name__)
OWN_NETWORK: Final = "own_network"
# So many silent machines are plausible: the larger of a few and a share of those that were asked.
FEW: Final = 3
SHARE: Final = 0.3
# A machine that went offline longer ago says nothing about this minute.
RECENT: Final = timedelta(minutes=10)
ANCHOR_SECONDS: Final = 3.0
ON_MARKET: Final = (NodeStatus.AVAILABLE, NodeStatus.RECLAIMING)


@dataclass(frozen=True, slots=True)
class Census:
    """How many machines are silent, answered since, or were not asked since."""

    silent: int
    answering: int
    unasked: int

    @property
    def is_implausible(self) -> bool:
        """Say whether the fault is rather ours than that of so many machines."""
        if not self.silent:
            return False
        if not self.answering:
            # Of one machine alone nobody can tell; of more, not one vouches for us.
            return self.silent + self.unasked > 1
        return self.silent > max(FEW, SHARE * (self.silent + self.answering))


def census(*, since: datetime, now: datetime) -> Census:
    """Count the machines on the market by whether they answered ``since``."""
    silent = Q(missing_since__isnull=False)
    counts = (
        Node.objects.filter(delisted_at=None)
        .filter(
            Q(status__in=ON_MARKET) | Q(status=NodeStatus.OFFLINE, missing_since__gt=now - RECENT)
        )
        .aggregate(
            silent=Count("pk", filter=silent),
            answering=Count("pk", filter=~silent & Q(last_seen_at__gte=since)),
            everyone=Count("pk"),
        )
    )
    return Census(
        silent=counts["silent"],
        answering=counts["answering"],
        unasked=counts["everyone"] - counts["silent"] - counts["answering"],
    )


def declared() -> bool:
    """Say whether we have said that our own network is at fault."""
    return Alert.objects.filter(kind=OWN_NETWORK, closed_at=None).exists()


def is_ours(*, since: datetime, now: datetime) -> bool:
    """Say whether a silence since then is rather our own fault: nothing may be concluded from it."""
    return declared() or census(since=since, now=now).is_implausible


def ended_at() -> datetime | None:
    """Give when our last outage was over."""
    ended = Alert.objects.filter(kind=OWN_NETWORK, closed_at__isnull=False).order_by("-closed_at")
    return ended.values_list("closed_at", flat=True).first()


def declare(found: Census, *, now: datetime) -> None:
    """Open the alert, once."""
    asked = found.silent + found.answering
    alerts.open_alert(
        kind=OWN_NETWORK,
        detail=f"{found.silent} of {asked} machines fell silent together: rather our own network. "
        "No machine and no pod changes state, and nothing is charged that was not proven. "
        "Look at this computer's way out; it ends by itself when machines answer again.",
        now=now,
    )


def withdraw(*, now: datetime) -> None:
    """Close the alert; harmless where none is open."""
    alerts.close_alert(kind=OWN_NETWORK, now=now)


def uplink_is_dead() -> bool:
    """Say whether none of the configured anchors takes a TCP connection; False where none is configured."""
    anchors = settings.MARKET_UPLINK_ANCHORS
    return bool(anchors) and not any(_answers(anchor) for anchor in anchors)


def _answers(anchor: str) -> bool:
    host, _, port = anchor.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ANCHOR_SECONDS):
            return True
    except OSError as error:
        log.warning("anchor.silent", anchor=anchor, error=str(error))
        return False
