"""Putting a machine whose holder vouches for it on the market's books; may be repeated at any time.

The host key decides whether it is a machine that we know: an address can change hands.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from core.actors import PLATFORM
from marketplace.machine import MachineAddress, fingerprint
from marketplace.machine.keys import load_private_key
from marketplace.models import GpuModel, Node, NodeStatus, Provider
from marketplace.services import delisting, machines, measurements
from marketplace.transitions import Reason, move, note

# What a machine without GPUs simulates; real ones are what the checks find.
ASSUMED_MODEL: Final = "NVIDIA GeForce RTX 4090"


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What a provider says of a machine; ``gpus`` is how many to simulate where there are none."""

    name: str
    host: str
    port: int
    user: str
    host_key: str
    private_key: str
    state_dir: str
    public_host: str
    port_range: tuple[int, int]
    gpus: int = 0

    def public_key(self) -> str:
        """Give the public line of our key there.

        :raises BadKey: the private key is damaged or encrypted.
        """
        key = load_private_key(self.private_key)
        return f"{key.get_name()} {key.get_base64()}"

    def address(self) -> MachineAddress:
        """Give the way to the machine."""
        return MachineAddress(
            host=self.host,
            port=self.port,
            user=self.user,
            host_key_sha256=fingerprint(self.host_key),
            private_key=self.private_key,
        )


def register(description: Description, *, now: datetime) -> Node:
    """Create or bring up to date the node of a machine that its description vouches for.

    It is listed once its checks pass (`checking.run_now`).
    """
    with transaction.atomic(durable=True):
        known = Node.objects.select_for_update(no_key=True).select_related("provider")
        mine = known.filter(host_key=description.host_key, delisted_at=None)
        node = mine.filter(proven_at__isnull=False).first()
        _clear_address(description, now=now)
        node = _update(node, description) if node else _create(description)
        changed = _apply(node, description)
        node.listing_wanted_at = node.listing_wanted_at or now
        # Whoever describes it holds a key that it lets in, and vouches for the host key.
        node.proven_at = node.proven_at or now
        node.next_probe_at = now
        node.save()
        if description.gpus:
            claims = {"gpu_model": ASSUMED_MODEL, "gpu_count": str(description.gpus)}
            measurements.claim(node, claims, now=now)
        _tell(node, changed=changed, now=now)
    return node


def _clear_address(description: Description, *, now: datetime) -> None:
    """Delist a node at this address whose host key is not the one that answers there now."""
    others = Node.objects.filter(
        host=description.host, ssh_port=description.port, delisted_at=None
    ).exclude(host_key=description.host_key)
    for node in others.select_for_update(no_key=True):
        detail = "Another machine, with another host key, answers at its address."
        delisting.leave(node, reason=Reason.DELISTED, actor=PLATFORM, now=now, detail=detail)


def _create(description: Description) -> Node:
    provider = Provider(name=description.name, ssh_public_key=description.public_key())
    machines.seal_key(provider, description.private_key)
    provider.save()
    model = GpuModel.objects.get(name=ASSUMED_MODEL)
    return Node(
        provider=provider,
        status=NodeStatus.NOT_DETECTED,
        host_key=description.host_key,
        gpu_model=model,
        gpu_count=description.gpus or 1,
        free_gpu_count=0,
        price_per_gpu_usd=model.secure_price_usd or Decimal(1),
    )


def _update(node: Node, description: Description) -> Node:
    provider = node.provider
    provider.ssh_public_key = description.public_key()
    machines.seal_key(provider, description.private_key)
    provider.save(update_fields=["ssh_public_key", "ssh_private_key_encrypted"])
    return node


def _apply(node: Node, description: Description) -> bool:
    """Take over what was said, and say whether any of it is new."""
    first_port, last_port = description.port_range
    said = {
        "name": description.name,
        "host": description.host,
        "ssh_port": description.port,
        "ssh_user": description.user,
        "public_host": description.public_host,
        "state_dir": description.state_dir,
        "first_port": first_port,
        "last_port": last_port,
    }
    changed = any(getattr(node, field) != value for field, value in said.items())
    for field, value in said.items():
        setattr(node, field, value)
    return changed


def _tell(node: Node, *, changed: bool, now: datetime) -> None:
    """Tell of a machine that is new, or of what is new about it; looks and checks tell the rest."""
    if not node.events.exists():
        note(node, reason=Reason.ADDED, actor=PLATFORM, now=now, detail="Described by its holder.")
    elif changed and node.status not in (
        NodeStatus.AVAILABLE,
        NodeStatus.VALIDATION_PENDING,
        NodeStatus.NOT_DETECTED,
    ):
        detail = "Described by its holder again; being checked."
        move(
            node,
            to=NodeStatus.VALIDATION_PENDING,
            reason=Reason.ENROLLED_AGAIN,
            actor=PLATFORM,
            now=now,
            detail=detail,
        )
