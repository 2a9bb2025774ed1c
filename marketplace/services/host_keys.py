"""Looking at a machine's host key and pinning it."""

from datetime import datetime
from typing import Final

from django.db import transaction

from core.actors import Actor
from core.errors import Conflict, Invalid
from marketplace.machine import BadKey, fingerprint, scan_host_key
from marketplace.models import Node, NodeStatus
from marketplace.services import address_claims
from marketplace.transitions import Reason, move, note

LOOK_SECONDS: Final = 10.0
OF_THE_OLD: Final = (
    "host_key",
    "last_verified_at",
    "proven_at",
    "missing_since",
    "missed_probes",
    "missed_why",
    "updated_at",
)
ON_THE_MARKET: Final = (NodeStatus.AVAILABLE, NodeStatus.RECLAIMING)


def look_at_host_key(node: Node) -> str:
    """Give the public line of the host key that answers at a node's address.

    :raises MachineUnreachable: nobody answers there as an SSH server with an ed25519 key.
    """
    return scan_host_key(node.host, node.ssh_port, timeout=LOOK_SECONDS)


def confirm_host_key(
    *, node_id: int, host_key: str, actor: Actor, now: datetime, trusted: str = "compared"
) -> Node:
    """Pin a host key; ``trusted`` says how its holder came to trust it. No event tells the key: it leads to the address.

    A machine that is offline, as one is that was reinstalled, is checked with its new key at once.

    :raises Conflict: another node has this key, and we were let in there: it is the same machine; or `refusal`.
    :raises Invalid: it is no public key.
    """
    try:
        fingerprint(host_key)
    except BadKey as error:
        raise Invalid(str(error)) from error
    if address_claims.has_key(host_key, besides=node_id):
        raise Conflict(
            "This host key belongs to a machine that is on this market already.",
            hint="The host key decides which machine it is. Take the other entry off first, or give a "
            "copied machine a key of its own.",
        )
    with transaction.atomic():
        return _pin(node_id, host_key, f"Host key {trusted}.", actor=actor, now=now)


def refusal(node: Node) -> Conflict | None:
    """Say why no other host key is taken for a machine now, and what works instead; None where one is."""
    if node.gpus.filter(holder__isnull=False).exists():
        return Conflict(
            "Pods are on the machine, and their renters trust the key that is pinned.",
            hint="Give the machine its old key back. If that is gone, announce its removal, and add the machine again "
            "when it has been removed.",
        )
    if node.status in ON_THE_MARKET:
        return Conflict(
            "The machine is on the market with the key that is pinned.",
            hint="One that presents another key is offline within minutes, or once its maintenance is over: confirm the "
            "new key then.",
        )
    return None


def _pin(node_id: int, host_key: str, detail: str, *, actor: Actor, now: datetime) -> Node:
    node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
    if node.host_key == host_key:
        return node
    if node.host_key and (refused := refusal(node)):
        raise refused
    # Another key is another machine, as far as anyone knows: what was checked, and was silent, was not this one.
    node.host_key, node.last_verified_at, node.proven_at = host_key, None, None
    node.missing_since, node.missed_probes, node.missed_why = None, 0, ""
    node.save(update_fields=OF_THE_OLD)
    if node.status == NodeStatus.OFFLINE:
        _begin_anew(node, detail, actor=actor, now=now)
    else:
        note(node, reason=Reason.HOST_KEY_CONFIRMED, actor=actor, now=now, detail=detail)
    return node


def _begin_anew(node: Node, detail: str, *, actor: Actor, now: datetime) -> None:
    node.next_checks_at = now
    node.save(update_fields=["next_checks_at", "updated_at"])
    to, reason = NodeStatus.VALIDATION_PENDING, Reason.HOST_KEY_CONFIRMED
    move(node, to=to, reason=reason, actor=actor, now=now, detail=detail)
