"""Looking at a machine's host key and pinning it."""

from datetime import datetime
from typing import Final

from django.db import transaction

from core.actors import Actor
from core.errors import Conflict, Invalid
from marketplace.machine import BadKey, fingerprint, scan_host_key
from marketplace.models import Node, NodeStatus
from marketplace.services import proofs
from marketplace.transitions import Reason, note

LOOK_SECONDS: Final = 10.0
UNLISTED: Final = (
    NodeStatus.NOT_DETECTED,
    NodeStatus.VALIDATION_PENDING,
    NodeStatus.VALIDATION_FAILED,
)


def look_at_host_key(node: Node) -> str:
    """Give the public line of the host key that answers at a node's address.

    :raises MachineUnreachable: nobody answers there as an SSH server with an ed25519 key.
    """
    return scan_host_key(node.host, node.ssh_port, timeout=LOOK_SECONDS)


def confirm_host_key(
    *, node_id: int, host_key: str, actor: Actor, now: datetime, trusted: str = "compared"
) -> Node:
    """Pin a host key; ``trusted`` says how its holder came to trust it.

    :raises Conflict: another node has this key, and we were let in there: it is the same machine.
    :raises Invalid: it is no public key.
    """
    try:
        shown = fingerprint(host_key)
    except BadKey as error:
        raise Invalid(str(error)) from error
    if proofs.has_key(host_key, besides=node_id):
        raise Conflict(
            "This host key belongs to a machine that is on this market already.",
            hint="The host key decides which machine it is. Take the other entry off first, or give a "
            "copied machine a key of its own.",
        )
    with transaction.atomic():
        return _pin(node_id, host_key, f"Host key {shown}, {trusted}.", actor=actor, now=now)


def _pin(node_id: int, host_key: str, detail: str, *, actor: Actor, now: datetime) -> Node:
    node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
    if node.host_key == host_key:
        return node
    if node.host_key:
        _require_unlisted(node)
    # Another key is another machine, as far as anyone knows: what was checked was not this one.
    node.host_key, node.last_verified_at, node.proven_at = host_key, None, None
    node.save(update_fields=["host_key", "last_verified_at", "proven_at", "updated_at"])
    note(node, reason=Reason.HOST_KEY_CONFIRMED, actor=actor, now=now, detail=detail)
    return node


def _require_unlisted(node: Node) -> None:
    held = node.gpus.filter(holder__isnull=False).exists()
    if held or node.status not in UNLISTED:
        raise Conflict(
            "The machine is on the market, and its renters trust the key that is pinned.",
            hint="Take it off the market first, or add the reinstalled machine as a new one.",
        )
