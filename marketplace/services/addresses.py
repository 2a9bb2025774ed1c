"""Moving a machine to another address: its host key decides whether it is the same machine."""

from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from core.actors import Actor
from core.errors import Conflict, Invalid
from marketplace.machine import MachineUnreachable, fingerprint
from marketplace.machine.probe import scan_host_key
from marketplace.models import Node
from marketplace.transitions import Reason, note

CONNECT_SECONDS: Final = 10.0


class AddressSilent(Invalid):
    """No SSH server answers at the new address."""

    code = "unreachable"


class OtherMachine(Conflict):
    """Another machine answers at the new address."""

    code = "host_key_changed"


class AddressTaken(Conflict):
    """Another listed machine has this address."""

    code = "address_taken"


def change(*, node_id: int, host: str, port: int, actor: Actor, now: datetime) -> Node:
    """Reach a machine elsewhere from now on; on any refusal the old address stays.

    :raises AddressSilent: nobody answers there. :raises OtherMachine: not the pinned host key does.
    :raises AddressTaken: another machine of the market has that address.
    """
    host = host.strip()
    node = Node.objects.get(pk=node_id)
    if (node.host, node.ssh_port) == (host, port):
        return node
    pinned = node.host_key
    if pinned:
        _require_same_machine(pinned, host, port)
    try:
        return _move(node_id, pinned, host, port, actor=actor, now=now)
    except IntegrityError as error:
        raise AddressTaken(
            f"Another machine on the market is at {host}:{port}.",
            hint="Check the address; a machine is listed once.",
        ) from error


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


@transaction.atomic
def _move(node_id: int, pinned: str, host: str, port: int, *, actor: Actor, now: datetime) -> Node:
    node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
    if node.host_key != pinned:
        raise Conflict("The machine's host key was changed meanwhile.", hint="Try again.")
    if node.public_host == node.host:
        node.public_host = host
    node.host, node.ssh_port, node.next_probe_at = host, port, now
    node.save(update_fields=["host", "ssh_port", "public_host", "next_probe_at", "updated_at"])
    # Anyone can read a node's events: the address itself is not for everybody.
    detail = "Its pinned host key answered at the new address." if pinned else "Not reached yet."
    note(node, reason=Reason.ADDRESS_CHANGED, actor=actor, now=now, detail=detail)
    return node
