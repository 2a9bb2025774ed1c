"""Looking at a machine's host key and pinning it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core import signing
from django.db import transaction

from core.actors import Actor
from core.errors import Conflict, Invalid
from marketplace import limits
from marketplace.machine import BadKey, fingerprint, scan_host_key
from marketplace.models import Node, NodeStatus
from marketplace.services import proofs
from marketplace.transitions import Reason, note

LOOK_SECONDS: Final = 10.0
SALT: Final = "marketplace.host_key"
# As long as somebody may need to reach the machine's own console and compare.
SIGHTING_LIFE: Final = timedelta(hours=1)
UNLISTED: Final = (
    NodeStatus.NOT_DETECTED,
    NodeStatus.VALIDATION_PENDING,
    NodeStatus.VALIDATION_FAILED,
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """The host key that answered at an address, for a person to compare; ``token`` says later that we saw it."""

    fingerprint: str
    token: str


def sight(node: Node) -> Sighting:
    """Look at a node's host key for a person.

    :raises MachineUnreachable: nobody answers there. :raises RateLimited: its provider had too many reached.
    """
    limits.reaching(node.provider)
    key = look_at_host_key(node)
    return Sighting(fingerprint(key), signing.dumps([_place(node), key], salt=SALT))


def confirm_sighting(*, node_id: int, token: str, actor: Actor, now: datetime) -> Node:
    """Pin the host key that a person was shown and compared: none that was not seen at the node's address.

    :raises Conflict: it was seen elsewhere or too long ago, or another node has this key.
    """
    try:
        place, key = signing.loads(token, salt=SALT, max_age=SIGHTING_LIFE)
    except signing.BadSignature:
        place, key = "", ""
    if place != _place(Node.objects.get(pk=node_id)):
        raise Conflict(
            "That key was not seen at this machine's address within the last hour.",
            hint="Look at the key again, and compare what answers now.",
        )
    return confirm_host_key(node_id=node_id, host_key=key, actor=actor, now=now)


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


def _place(node: Node) -> str:
    return f"{node.public_id} {node.host}:{node.ssh_port}"


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
