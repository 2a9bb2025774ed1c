"""When many machines fall silent at once, the one thing that they share is us: then no silence is believed.

What counts is who answered since the silence began: a machine that nobody has asked since says nothing. Every provider
has one voice, shared out among its machines, so that no single one can make us doubt ourselves. And the doubt ends: a
silence that lasts, while machines or anchors answer, is theirs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models import Count, FloatField, Q, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from core.dialing import ANYWHERE, dial
from marketplace.models import Alert, Node, NodeStatus
from marketplace.services import alerts

log = structlog.get_logger(__name__)
OWN_NETWORK: Final = "own_network"
# So many silent voices are plausible: the larger of a few and a share of those that were asked.
FEW: Final = 3
SHARE: Final = 0.3
# A silence that began longer ago says nothing about this minute.
RECENT: Final = timedelta(minutes=10)
ANCHOR_SECONDS: Final = 3.0
ON_MARKET: Final = (NodeStatus.AVAILABLE, NodeStatus.RECLAIMING)


@dataclass(frozen=True, slots=True)
class Census:
    """How many machines fell silent of late, answered since, or say nothing; a voice is a provider's."""

    silent: int
    answering: int
    mute: int
    silent_voices: float
    answering_voices: float

    @property
    def is_implausible(self) -> bool:
        """Say whether the fault is rather ours than that of so many machines."""
        if not self.silent:
            return False
        if not self.answering:
            # Of one machine alone nobody can tell; of more, not one vouches for us.
            return self.silent + self.mute > 1
        asked = self.silent_voices + self.answering_voices
        return self.silent_voices > max(FEW, SHARE * asked)


def census(*, since: datetime, now: datetime) -> Census:
    """Count the machines on the market by whether they answered ``since``."""
    fresh = Q(missing_since__gt=now - RECENT)
    answers = Q(missing_since=None, last_seen_at__gte=since)
    rows = Node.objects.filter(delisted_at=None)
    providers = (
        rows.filter(Q(status__in=ON_MARKET) | Q(fresh, status=NodeStatus.OFFLINE))
        .values("provider")
        .annotate(
            silent=Count("pk", filter=fresh),
            answering=Count("pk", filter=answers),
            everyone=Count("pk"),
        )
        .annotate(
            silent_voice=_share("silent"),
            answering_voice=_share("answering"),
        )
    )
    sums = providers.aggregate(
        silent_machines=Sum("silent", default=0),
        answering_machines=Sum("answering", default=0),
        machines=Sum("everyone", default=0),
        silent_voices=Sum("silent_voice", default=0.0),
        answering_voices=Sum("answering_voice", default=0.0),
    )
    silent, answering = sums["silent_machines"], sums["answering_machines"]
    return Census(
        silent=silent,
        answering=answering,
        mute=sums["machines"] - silent - answering,
        silent_voices=sums["silent_voices"],
        answering_voices=sums["answering_voices"],
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
    minutes = int(RECENT.total_seconds() // 60)
    alerts.open_alert(
        kind=OWN_NETWORK,
        detail=f"{found.silent} of {asked} machines fell silent together: rather our own network. "
        "Nothing is concluded from a silence, and nothing is charged that was not proven. "
        "Look at this computer's way out. It ends by itself: when machines answer again, or when "
        f"the others have answered on for {minutes} minutes.",
        now=now,
    )


def withdraw(*, now: datetime) -> None:
    """Close the alert; harmless where none is open."""
    alerts.close_alert(kind=OWN_NETWORK, now=now)


def uplink_answers() -> bool | None:
    """Say whether one of the configured anchors takes a TCP connection; None where none is configured."""
    anchors = settings.MARKET_UPLINK_ANCHORS
    return any(_answers(anchor) for anchor in anchors) if anchors else None


def _share(name: str) -> Combinable:
    """Give the part of a provider's voice that its machines counted under ``name`` have."""
    return Cast(name, FloatField()) / Cast("everyone", FloatField())


def _answers(anchor: str) -> bool:
    host, _, port = anchor.rpartition(":")
    try:
        with dial(host, int(port), timeout=ANCHOR_SECONDS, allowed=ANYWHERE):
            return True
    except OSError as error:
        log.warning("anchor.silent", anchor=anchor, error=str(error))
        return False
