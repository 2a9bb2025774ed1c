"""Where a machine may be, and moving it elsewhere: its host key decides whether it is the same machine."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction

from core import dialing
from core.actors import Actor
from core.errors import Conflict, Invalid
from marketplace import limits
from marketplace.machine import MachineUnreachable, fingerprint
from marketplace.machine.probe import scan_host_key
from marketplace.models import Node, Provider
from marketplace.services import address_claims
from marketplace.transitions import Reason, note

CONNECT_SECONDS: Final = 10.0
LONGEST_HOST: Final = 253
LISTED_ONCE: Final = "Check the address; a machine is listed once."
LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class AddressSilent(Invalid):
    """No SSH server answers at the new address."""

    code = "unreachable"


class OtherMachine(Conflict):
    """Another machine answers at the new address."""

    code = "host_key_changed"


class AddressTaken(Invalid):
    """Another machine has this address; the published client looks for these words, with 400."""

    code = "address_taken"
    status = 400

    def __init__(self, *, hint: str) -> None:
        super().__init__("A node already exists with the same ip and port.", hint=hint)


def require_address(host: str, port: int, *, asking: Provider) -> None:
    """Refuse what is no address, and addresses of our own network: nobody may look around in it.

    What a name means is judged again at every connection (`marketplace.machine.tcp`).

    :raises Invalid: it is no place for a machine. :raises RateLimited: another of theirs is being looked up.
    """
    if not _is_host(host):
        raise Invalid("The address is neither an IP address nor a host name.")
    if not 1 <= port <= 65535:
        raise Invalid("A port is between 1 and 65535.")
    try:
        with limits.looking_up(host, asking=asking):
            dialing.look_up(host, allowed=settings.MARKET_MACHINE_NETWORKS)
    except OSError:
        # A name that is not known yet may be by the time of the first connection.
        return
    except dialing.AddressRefused as error:
        raise Invalid(
            "The address is not reachable from the internet.",
            hint="Name the public address of the machine, or of the router that forwards to it.",
        ) from error


@dataclass(frozen=True, slots=True)
class Move:
    """An address that was looked at for a machine, and by which pinned host key."""

    node_id: int
    host: str
    port: int
    pinned: str


def change(*, node_id: int, host: str, port: int, actor: Actor, now: datetime) -> Node:
    """Reach a machine elsewhere from now on; on any refusal the old address stays.

    One that never let us in is only a claim: it is corrected, and its host key is compared anew.

    :raises AddressSilent, OtherMachine, AddressTaken, Invalid, RateLimited: as `look` refuses.
    """
    return carry_out(look(node_id=node_id, host=host, port=port), actor=actor, now=now)


def look(*, node_id: int, host: str, port: int) -> Move:
    """Look whether a machine may be reached elsewhere: over the network, so in no transaction.

    :raises AddressSilent: nobody answers there. :raises OtherMachine: not the pinned host key does.
    :raises AddressTaken: another machine of the market has that address. :raises Invalid: it is no address.
    :raises RateLimited: its provider had too many addresses reached.
    """
    host = host.strip()
    node = Node.objects.select_related("provider").get(pk=node_id)
    move = Move(node_id, host, port, node.host_key)
    if _is_there(node, move):
        return move
    limits.reaching(node.provider)
    require_address(host, port, asking=node.provider)
    if node.host_key and _was_reached(node):
        with limits.looked_at.one_for(node.provider):
            _require_same_machine(node.host_key, host, port)
    if address_claims.is_taken(host, port, besides=node_id):
        raise AddressTaken(hint=LISTED_ONCE)
    return move


def carry_out(move: Move, *, actor: Actor, now: datetime) -> Node:
    """Reach a machine where it was looked at.

    :raises AddressTaken: another machine has that address by now. :raises Conflict: its host key changed.
    """
    try:
        return _write(move, actor=actor, now=now)
    except IntegrityError as error:
        raise AddressTaken(hint=LISTED_ONCE) from error


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= LONGEST_HOST and all(map(LABEL.fullmatch, text.split(".")))
    return True


def _require_same_machine(pinned: str, host: str, port: int) -> None:
    try:
        presented = scan_host_key(host, port, timeout=CONNECT_SECONDS)
    except MachineUnreachable as error:
        raise AddressSilent(
            f"No SSH server answers at {host}:{port}, so the old address stays.",
            hint="Start sshd there and open its port to this market, then try again.",
            data={"reason": str(error)},
        ) from error
    if fingerprint(presented) != fingerprint(pinned):
        raise OtherMachine(
            f"Another host key answers at {host}:{port}, so the old address stays.",
            hint="A reinstalled or another machine is added as a new one.",
            data={"expected": fingerprint(pinned), "presented": fingerprint(presented)},
        )


def _was_reached(node: Node) -> bool:
    return node.proven_at is not None or node.last_seen_at is not None


def _is_there(node: Node, move: Move) -> bool:
    return (node.host, node.ssh_port) == (move.host, move.port)


@transaction.atomic
def _write(move: Move, *, actor: Actor, now: datetime) -> Node:
    host, port, pinned = move.host, move.port, move.pinned
    node = Node.objects.select_for_update(no_key=True).get(pk=move.node_id)
    if _is_there(node, move):
        return node
    if node.host_key != pinned:
        raise Conflict("The machine's host key was changed meanwhile.", hint="Try again.")
    if node.proven_at is not None:
        address_claims.vacate(host, port, besides=node.pk)
    if not _was_reached(node):
        # Only a claim: whoever answers at the right address is compared, or trusted, anew, and at once.
        node.host_key, node.next_checks_at = "", now
        pinned = ""
    if node.public_host == node.host:
        node.public_host = host
    node.host, node.ssh_port, node.next_probe_at = host, port, now
    # Whoever was given up at the old address is looked for at the new one.
    node.missing_since = now if node.missing_since else None
    node.save(
        update_fields=[
            "host",
            "ssh_port",
            "public_host",
            "host_key",
            "next_checks_at",
            "next_probe_at",
            "missing_since",
            "updated_at",
        ]
    )
    # Anyone can read a node's events: the address itself is not for everybody.
    detail = "Its pinned host key answered at the new address." if pinned else "Not reached yet."
    note(node, reason=Reason.ADDRESS_CHANGED, actor=actor, now=now, detail=detail)
    return node
