"""Whether nodes answer. One lost probe is nothing; many nodes lost at once is more likely ourselves.

A node goes offline only after several misses over a minute and a half, and only a few nodes at a time.
Pods are not touched here: what runs on a node that does not answer may well go on.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Q

from core.actors import PLATFORM
from marketplace import dispatch
from marketplace.machine import AccessDenied, BadKey, HostKeyChanged, MachineError, session
from marketplace.models import Node, NodeEvent, NodeStatus
from marketplace.services.machines import machine_address
from marketplace.transitions import Reason, move, note

log = structlog.get_logger(__name__)
PROBE_EVERY: Final = timedelta(seconds=30)
MISSES: Final = 3
MISSING_FOR: Final = timedelta(seconds=90)
# At most so many nodes go offline in a window: the larger of a few and a share of the market.
BLAST_WINDOW: Final = timedelta(minutes=10)
BLAST_MINIMUM: Final = 3
BLAST_SHARE: Final = 0.1
BATCH: Final = 1000
CONNECT_SECONDS: Final = 10.0
COMMAND_SECONDS: Final = 10.0
WATCHED: Final = (
    NodeStatus.AVAILABLE,
    NodeStatus.OFFLINE,
    NodeStatus.VALIDATION_PENDING,
    NodeStatus.RECLAIMING,
)


def sweep(now: datetime) -> int:
    """Ring one probe for each node that is due; give how many."""
    due = Node.objects.filter(Q(next_probe_at=None) | Q(next_probe_at__lte=now))
    with transaction.atomic():
        rows = due.filter(delisted_at=None, status__in=WATCHED).order_by("next_probe_at")
        ids = list(rows.select_for_update(skip_locked=True, no_key=True).values_list("pk")[:BATCH])
        found = [pk for (pk,) in ids]
        Node.objects.filter(pk__in=found).update(next_probe_at=now + PROBE_EVERY)
        for pk in found:
            dispatch.probe_node(pk)
    return len(found)


def probe(*, node_id: int, now: datetime) -> bool:
    """Look at one node over SSH and write down whether it answered."""
    node = Node.objects.select_related("provider").get(pk=node_id)
    address = machine_address(node)
    try:
        with session(address, timeout=CONNECT_SECONDS) as machine:
            boot_id = machine.check(
                ["cat", "/proc/sys/kernel/random/boot_id"], timeout=COMMAND_SECONDS
            )
    except BadKey:
        # A key of ours that cannot be read says nothing about the node.
        raise
    except MachineError as error:
        log.info("heartbeat.missed", node=str(node.public_id), error=str(error))
        record_missed(node_id=node_id, why=_in_public(error), now=now)
        return False
    record_seen(node_id=node_id, boot_id=_one_line(boot_id), now=now)
    return True


def record_seen(*, node_id: int, boot_id: str = "", now: datetime) -> None:
    """Write down that a node answered somebody, and that it was started anew where ``boot_id`` shows it.

    The next probe is put off: who looks after pods there need not be followed by a second look.
    """
    with transaction.atomic():
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        rebooted = bool(boot_id and node.boot_id and node.boot_id != boot_id)
        node.boot_id = boot_id or node.boot_id
        node.last_seen_at, node.next_probe_at = now, now + PROBE_EVERY
        node.missed_probes, node.missing_since = 0, None
        node.save(
            update_fields=[
                "boot_id",
                "last_seen_at",
                "next_probe_at",
                "missed_probes",
                "missing_since",
                "updated_at",
            ]
        )
        if rebooted:
            detail = "The machine was started anew."
            note(node, reason=Reason.REBOOTED, actor=PLATFORM, now=now, detail=detail)
        if node.status == NodeStatus.OFFLINE:
            move(
                node,
                to=NodeStatus.AVAILABLE,
                reason=Reason.ANSWERS_AGAIN,
                actor=PLATFORM,
                now=now,
                detail="It answers over its pinned key again.",
            )


def record_missed(*, node_id: int, why: str, now: datetime) -> None:
    """Write down that a probe got no answer; after enough of them the node is offline."""
    with transaction.atomic():
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        node.missed_probes += 1
        node.missing_since = node.missing_since or now
        node.save(update_fields=["missed_probes", "missing_since", "updated_at"])
        if _lost(node, now) and _may_go_offline(now):
            seconds = (now - node.missing_since).total_seconds()
            move(
                node,
                to=NodeStatus.OFFLINE,
                reason=Reason.NOT_ANSWERING,
                actor=PLATFORM,
                now=now,
                detail=f"No answer to {node.missed_probes} probes over {seconds:.0f} s. {why}".strip(),
            )


def _one_line(output: bytes) -> str:
    return output.decode("ascii", "replace").replace("\x00", "").strip()[:40]


def _in_public(error: MachineError) -> str:
    """Say what happened without the machine's address: anyone can read a node's events."""
    if isinstance(error, HostKeyChanged):
        return "Another host key is presented at its address."
    if isinstance(error, AccessDenied):
        return "Our key is refused."
    return ""


def _lost(node: Node, now: datetime) -> bool:
    return (
        node.status == NodeStatus.AVAILABLE
        and node.missed_probes >= MISSES
        and node.missing_since is not None
        and now - node.missing_since >= MISSING_FOR
    )


def _may_go_offline(now: datetime) -> bool:
    with connection.cursor() as cursor:
        # Parallel probes must not each count the same room.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('marketplace.heartbeat'))")
    went = NodeEvent.objects.filter(
        reason_code=Reason.NOT_ANSWERING, created_at__gt=now - BLAST_WINDOW
    ).count()
    market = Node.objects.filter(delisted_at=None, status__in=WATCHED).count()
    room = max(BLAST_MINIMUM, int(market * BLAST_SHARE))
    if went >= room:
        log.warning("heartbeat.held_back", offline_already=went, at_most=room)
    return went < room
