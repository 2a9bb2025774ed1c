"""What a silence means: judged for the whole market at once, never for one node alone.

A node goes offline after several misses over a minute and a half, only if that many may plausibly be silent, and only
so many in a window. Everything here is a sweep: it may run twice, and at any time.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from core.actors import PLATFORM
from marketplace.models import CheckRun, Node, NodeEvent, NodeStatus
from marketplace.selectors.notices import in_maintenance
from marketplace.services import alerts, outage
from marketplace.transitions import Reason, move

log = structlog.get_logger(__name__)
MISSES: Final = 3
MISSING_FOR: Final = timedelta(seconds=90)
# Two misses: what is more than a hiccup opens the alert before anything would be concluded.
DOUBTED: Final = 2
# At most so many nodes go offline in a window: the larger of a few and a share of the market.
WINDOW: Final = timedelta(minutes=10)
AT_MOST: Final = 3
AT_MOST_SHARE: Final = 0.1
MANY_OFFLINE: Final = "many_machines_offline"
BATCH: Final = 100


def sweep(now: datetime) -> int:
    """Judge every silence; give how many nodes changed state."""
    # Asked before the transaction: nobody waits for the network while holding a lock.
    uplink = outage.uplink_answers() if _somebody_is_silent() else None
    with transaction.atomic():
        if not _alone():
            return 0
        if _is_ours(uplink=uplink, now=now):
            return 0
        return _judge(now)


def _somebody_is_silent() -> bool:
    silent = Node.objects.filter(delisted_at=None, missing_since__isnull=False)
    return silent.filter(status__in=outage.ON_MARKET).exists()


def _alone() -> bool:
    """Take the sweep's turn: two at once would each count the same room."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('marketplace.silence'))")
        return bool(cursor.fetchone()[0])


def _is_ours(*, uplink: bool | None, now: datetime) -> bool:
    found = outage.census(since=now - MISSING_FOR, now=now)
    ours = uplink is False or found.is_implausible
    # Once we doubt ourselves, somebody must vouch for us before a silence is believed again.
    ours = ours or (outage.declared() and not found.answering and not uplink and found.mute > 0)
    if not ours:
        outage.withdraw(now=now)
    elif found.silent > 1 and _doubted().exists():
        outage.declare(found, now=now)
    return ours


def _doubted() -> QuerySet[Node]:
    rows = Node.objects.filter(delisted_at=None, status__in=outage.ON_MARKET)
    return rows.filter(missing_since__isnull=False, missed_probes__gte=DOUBTED)


def _judge(now: datetime) -> int:
    # After an outage of our own every node is asked anew before anything is concluded.
    ended = outage.ended_at()
    if ended and now - ended < MISSING_FOR:
        return 0
    silent = Node.objects.filter(
        delisted_at=None, missed_probes__gte=MISSES, missing_since__lte=now - MISSING_FOR
    )
    return _go_offline(silent, now) + _go_undetected(silent, now)


def _go_offline(silent: QuerySet[Node], now: datetime) -> int:
    known = silent.filter(status__in=outage.ON_MARKET).exclude(in_maintenance(now=now))
    lost = known.order_by("missing_since", "pk")
    count = lost.count()
    room = _room(now) if count else 0
    for node in lost.select_for_update(no_key=True, skip_locked=True)[:room]:
        _move(node, NodeStatus.OFFLINE, Reason.NOT_ANSWERING, _words(node, now), now)
    _tell_of_held_back(count - room, now)
    return min(count, room)


def _room(now: datetime) -> int:
    since = now - WINDOW
    went = NodeEvent.objects.filter(
        to_status=NodeStatus.OFFLINE, reason_code=Reason.NOT_ANSWERING, created_at__gt=since
    ).count()
    market = Node.objects.filter(delisted_at=None, status__in=outage.ON_MARKET).count()
    return max(0, max(AT_MOST, int(market * AT_MOST_SHARE)) - went)


def _tell_of_held_back(count: int, now: datetime) -> None:
    if count <= 0:
        alerts.close_alert(kind=MANY_OFFLINE, now=now)
        return
    minutes = int(WINDOW.total_seconds() // 60)
    detail = (
        f"More machines are silent than may go offline within {minutes} minutes; {count} wait. "
        "Renters may still be offered them: freeze them if you know that they are gone."
    )
    alerts.open_alert(kind=MANY_OFFLINE, detail=detail, now=now)


def _go_undetected(silent: QuerySet[Node], now: datetime) -> int:
    """Give up on what is silent for long, and on a set-up that broke off; both are looked for slowly."""
    gone = silent.filter(
        status__in=(NodeStatus.OFFLINE, NodeStatus.VALIDATION_FAILED),
        missing_since__lte=now - settings.MARKET_GONE_AFTER,
    )
    at_work = CheckRun.objects.filter(node=OuterRef("pk"), finished_at=None)
    half_way = silent.filter(~Exists(at_work), status=NodeStatus.VALIDATION_PENDING)
    moved = 0
    for rows, reason in ((gone, Reason.GONE_TOO_LONG), (half_way, Reason.NOT_ANSWERING)):
        for node in rows.select_for_update(no_key=True, skip_locked=True, of=("self",))[:BATCH]:
            _move(node, NodeStatus.NOT_DETECTED, reason, _words(node, now), now)
            moved += 1
    return moved


def _words(node: Node, now: datetime) -> str:
    silence = now - (node.missing_since or now)
    hours, seconds = silence // timedelta(hours=1), silence.total_seconds()
    lasted = f"{hours} h" if hours else f"{seconds:.0f} s"
    return f"No answer to {node.missed_probes} probes over {lasted}. {node.missed_why}".strip()


def _move(node: Node, to: NodeStatus, reason: Reason, detail: str, now: datetime) -> None:
    move(node, to=to, reason=reason, actor=PLATFORM, now=now, detail=detail)
