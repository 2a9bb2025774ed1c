"""Showing a person the host key that answers at a machine's address: a worker looks, pages only read."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from core.actors import Actor
from core.errors import Conflict
from marketplace import dispatch, limits
from marketplace.machine import MachineError, fingerprint, scan_host_key
from marketplace.models import HostKeySighting, Node
from marketplace.services.host_keys import LOOK_SECONDS, confirm_host_key

# As long as somebody may need to reach the machine's own console and compare.
LIFE: Final = timedelta(hours=1)
# Whoever waits longer than any look takes is told to ask again.
PATIENCE: Final = timedelta(seconds=60)


def ask(*, node_id: int, now: datetime) -> HostKeySighting:
    """Have a worker look at a node's host key.

    :raises RateLimited: its provider had too many addresses reached.
    """
    node = Node.objects.select_related("provider").get(pk=node_id)
    limits.reaching(node.provider)
    wanted = {"host": node.host, "port": node.ssh_port, "asked_at": now}
    nothing = {"finished_at": None, "host_key": "", "problem": ""}
    with transaction.atomic():
        sighting, _ = HostKeySighting.objects.update_or_create(
            node=node, defaults={**wanted, **nothing}
        )
        dispatch.look_at_host_key(node_id)
    return sighting


def look(*, node_id: int, now: datetime) -> None:
    """Look at the host key that somebody waits for; harmless where nobody does."""
    wanted = HostKeySighting.objects.filter(node=node_id, finished_at=None).first()
    if wanted is None:
        return
    try:
        found = {"host_key": scan_host_key(wanted.host, wanted.port, timeout=LOOK_SECONDS)}
    except MachineError as error:
        found = {"problem": str(error)[:300]}
    # Asked anew meanwhile, perhaps of another address: then this is no answer to that.
    same = HostKeySighting.objects.filter(pk=wanted.pk, asked_at=wanted.asked_at, finished_at=None)
    same.update(finished_at=now, **found)


def latest(node: Node, *, now: datetime) -> HostKeySighting | None:
    """Give the latest look at a node's present address, unless it is too old to compare with."""
    rows = HostKeySighting.objects.filter(node=node, host=node.host, port=node.ssh_port)
    return rows.filter(asked_at__gt=now - LIFE).first()


def is_awaited(sighting: HostKeySighting, *, now: datetime) -> bool:
    """Say whether a worker may still be looking."""
    return sighting.finished_at is None and now - sighting.asked_at < PATIENCE


def confirm(*, node_id: int, shown: str, actor: Actor, now: datetime) -> Node:
    """Pin the host key with the fingerprint that a person was shown and compared.

    :raises Conflict: it is not what was seen there of late, or another node has this key.
    """
    seen = latest(Node.objects.get(pk=node_id), now=now)
    if seen is None or not seen.host_key or fingerprint(seen.host_key) != shown:
        raise Conflict(
            "That key was not seen at this machine's address within the last hour.",
            hint="Look at the key again, and compare what answers now.",
        )
    return confirm_host_key(node_id=node_id, host_key=seen.host_key, actor=actor, now=now)
