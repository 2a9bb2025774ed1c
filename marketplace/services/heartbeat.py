"""Whether nodes answer: asked over SSH on a schedule with jitter, and written down.

A missed probe is only recorded; `marketplace.services.silence` judges all of them together. An answer brings a node
back by itself. Pods are not touched here: what runs on a node that does not answer may well go on.
"""

import random
import time
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest, Least, Random

from core.actors import PLATFORM
from marketplace import dispatch
from marketplace.machine import (
    AccessDenied,
    BadKey,
    HostKeyChanged,
    MachineAddress,
    MachineError,
    session,
)
from marketplace.models import Met, Node, NodeStatus
from marketplace.services import gpu_proofs
from marketplace.services.machines import machine_address
from marketplace.transitions import Reason, move, note

log = structlog.get_logger(__name__)
PROBE_EVERY: Final = timedelta(seconds=30)
# What is off the market is looked for now and then, so that it comes back without anybody's help.
SLOW_EVERY: Final = timedelta(minutes=10)
# The longer it is silent the less often, and not for ever: whoever is there by then may want none of us.
SLOWEST_EVERY: Final = timedelta(hours=1)
GIVEN_UP_AFTER: Final = timedelta(days=7)
SLOW: Final = (NodeStatus.VALIDATION_FAILED, NodeStatus.NOT_DETECTED)
# What is on the market, or will be as soon as it answers; no others can hold up its probes.
LISTED: Final = (NodeStatus.AVAILABLE, NodeStatus.RECLAIMING, NodeStatus.OFFLINE)
# An answer is no news for these.
QUIET: Final = (NodeStatus.AVAILABLE, NodeStatus.RECLAIMING, NodeStatus.VALIDATION_PENDING)
# So that nodes that were added together are not asked together for ever.
JITTER: Final = 0.2
BATCH: Final = 1000
# For all of a probe: a machine that lets us wait at every step is no better than one that does not answer.
PROBE_SECONDS: Final = 12.0
MOST_MISSES: Final = 30_000
# A probe is asked of every machine twice a minute: it reads the way there and nothing else.
NEEDED: Final = (
    "public_id",
    "host",
    "ssh_port",
    "ssh_user",
    "host_key",
    "provider__public_id",
    "provider__ssh_private_key_encrypted",
)
BOOT_ID: Final = ("cat", "/proc/sys/kernel/random/boot_id")


def sweep(now: datetime) -> int:
    """Ring one probe for each node that is due; give how many."""
    due = Node.objects.filter(Q(next_probe_at=None) | Q(next_probe_at__lte=now))
    with transaction.atomic():
        # Without a pinned host key there is nobody to ask.
        rows = due.filter(delisted_at=None).exclude(host_key="").exclude(_given_up(now))
        locked = rows.order_by("next_probe_at").select_for_update(skip_locked=True, no_key=True)
        found = dict(locked.values_list("pk", "status")[:BATCH])
        Node.objects.filter(pk__in=found).update(next_probe_at=_next_probe(now))
        for pk, status in found.items():
            dispatch.probe_node(pk, listed=status in LISTED)
    return len(found)


def probe(*, node_id: int, now: datetime) -> bool:
    """Look at one node over SSH and write down whether it answered."""
    node = Node.objects.select_related("provider").only(*NEEDED).get(pk=node_id)
    try:
        boot_id = ask(machine_address(node))
    except BadKey:
        # A key of ours that cannot be read says nothing about the node.
        raise
    except MachineError as error:
        log.info("heartbeat.missed", node=str(node.public_id), error=str(error))
        record_missed(node_id=node_id, why=in_public(error), now=now)
        return False
    record_seen(node_id=node_id, boot_id=boot_id, now=now)
    return True


def ask(address: MachineAddress) -> str:
    """Ask a machine which run of it this is; once, for the next probe is the next try.

    :raises MachineError: it did not answer.
    """
    ends = time.monotonic() + PROBE_SECONDS
    with session(address, timeout=PROBE_SECONDS, tries=1) as machine:
        return _one_line(machine.until(ends).check(BOOT_ID, timeout=PROBE_SECONDS))


def record_seen(*, node_id: int, boot_id: str = "", now: datetime) -> None:
    """Write down that a node answered somebody, and that it was started anew where ``boot_id`` shows it.

    The next probe is put off: who looks after pods there need not be followed by a second look.
    """
    quiet = Node.objects.filter(pk=node_id, missing_since=None, status__in=QUIET)
    if boot_id:
        quiet = quiet.filter(boot_id=boot_id)
    # Nearly always nothing changed: then this is one statement.
    spread = random.uniform(1 - JITTER / 2, 1 + JITTER / 2)  # noqa: S311  # not a secret
    if not quiet.update(last_seen_at=now, next_probe_at=now + PROBE_EVERY * spread):
        _record_return(node_id, boot_id, now)


def record_missed(*, node_id: int, why: str, now: datetime) -> None:
    """Write down that a node did not answer; it stays where it is until all silence is judged together."""
    Node.objects.filter(pk=node_id).update(
        missed_probes=Least(F("missed_probes") + 1, MOST_MISSES),
        missing_since=Coalesce("missing_since", Value(now)),
        missed_why=why,
        updated_at=now,
    )


def in_public(error: MachineError) -> str:
    """Say what happened without the machine's address: anyone can read a node's events."""
    if isinstance(error, HostKeyChanged):
        return Met.ANOTHER_KEY
    if isinstance(error, AccessDenied):
        return Met.REFUSAL
    return ""


@transaction.atomic
def _record_return(node_id: int, boot_id: str, now: datetime) -> None:
    node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
    rebooted = bool(boot_id and node.boot_id and node.boot_id != boot_id)
    was_silent = node.missing_since is not None
    node.boot_id = boot_id or node.boot_id
    node.last_seen_at, node.missed_probes, node.missing_since = now, 0, None
    if was_silent and node.status in SLOW:
        # It may have been mended: its checks say so.
        node.next_checks_at = now
    node.save(
        update_fields=[
            "boot_id",
            "last_seen_at",
            "missed_probes",
            "missing_since",
            "next_checks_at",
            "updated_at",
        ]
    )
    Node.objects.filter(pk=node_id).update(next_probe_at=_next_probe(now))
    if rebooted:
        detail = "The machine was started anew."
        note(node, reason=Reason.REBOOTED, actor=PLATFORM, now=now, detail=detail)
    if node.status == NodeStatus.OFFLINE:
        detail = "It answers over its pinned key again."
        move(
            node,
            to=NodeStatus.AVAILABLE,
            reason=Reason.ANSWERS_AGAIN,
            actor=PLATFORM,
            now=now,
            detail=detail,
        )
        gpu_proofs.keep_off(node, now=now)


def _given_up(now: datetime) -> Q:
    return Q(status=NodeStatus.NOT_DETECTED, missing_since__lt=now - GIVEN_UP_AFTER)


def _next_probe(now: datetime) -> Combinable:
    silent_for = Value(now) - Coalesce("missing_since", Value(now))
    slow = Greatest(Value(SLOW_EVERY), Least(Value(SLOWEST_EVERY), silent_for))
    every = Case(
        When(status__in=SLOW, then=slow),
        default=Value(PROBE_EVERY),
        output_field=DurationField(),
    )
    spread = 1 - JITTER / 2 + JITTER * Random()
    return ExpressionWrapper(Value(now) + every * spread, output_field=DateTimeField())


def _one_line(output: bytes) -> str:
    return output.decode("ascii", "replace").replace("\x00", "").strip()[:40]
