"""Putting a machine on the market's books, from a look at it over SSH; may be repeated at any time.

The host key decides whether it is a machine that we know: an address can change hands.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog
from django.db import transaction

from core.actors import PLATFORM
from marketplace.machine import MachineAddress, connect, fingerprint
from marketplace.machine.keys import load_private_key
from marketplace.models import Node, NodeGpu, NodeStatus, Provider
from marketplace.services import machines, measurements, reservations
from marketplace.services.hardware import Hardware, hardware_of
from marketplace.services.measurements import Figure
from marketplace.services.preflight import Found, look
from marketplace.transitions import Reason, move, note

log = structlog.get_logger(__name__)
MEASURED_BY: Final = "this market, over SSH"
CONNECT_SECONDS: Final = 10.0


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


def enrol(description: Description, *, now: datetime) -> Node:
    """Look at a machine and create or bring up to date its node; a new one waits for `listing.admit`.

    :raises Unfit: it cannot be put on the market as it is.
    :raises MachineError: it could not be reached or looked at.
    """
    with connect(description.address(), timeout=CONNECT_SECONDS) as machine:
        found = look(machine, state_dir=description.state_dir)
    hardware = hardware_of(found, host_key=description.host_key, simulated_gpus=description.gpus)
    with transaction.atomic(durable=True):
        node = _write(description, found, hardware, now=now)
    log.info(
        "node.enrolled", node=str(node.public_id), gpus=node.gpu_count, simulated=node.simulated
    )
    return node


def _write(description: Description, found: Found, hardware: Hardware, *, now: datetime) -> Node:
    known = Node.objects.select_for_update(no_key=True).select_related("provider")
    node = known.filter(host_key=description.host_key, delisted_at=None).first()
    _clear_address(description, now=now)
    node = _update(node, description) if node else _create(description, hardware)
    _apply(node, description, found, hardware, now=now)
    _match_gpus(node, hardware, now=now)
    measurements.record(node, _figures(description, found, hardware), by=MEASURED_BY, now=now)
    _tell(node, now=now)
    return node


def _clear_address(description: Description, *, now: datetime) -> None:
    """Delist a node at this address whose host key is not the one that answers there now."""
    others = Node.objects.filter(
        host=description.host, ssh_port=description.port, delisted_at=None
    ).exclude(host_key=description.host_key)
    for node in others.select_for_update(no_key=True):
        node.delisted_at = now
        node.save(update_fields=["delisted_at", "updated_at"])
        detail = "Another machine, with another host key, answers at its address."
        note(node, reason=Reason.DELISTED, actor=PLATFORM, now=now, detail=detail)


def _create(description: Description, hardware: Hardware) -> Node:
    provider = Provider(name=description.name, ssh_public_key=description.public_key())
    machines.seal_key(provider, description.private_key)
    provider.save()
    model = hardware.model
    return Node(
        provider=provider,
        host_key=description.host_key,
        price_per_gpu_usd=model.secure_price_usd or Decimal(1),
        free_gpu_count=len(hardware.uuids),
    )


def _update(node: Node, description: Description) -> Node:
    provider = node.provider
    provider.ssh_public_key = description.public_key()
    machines.seal_key(provider, description.private_key)
    provider.save(update_fields=["ssh_public_key", "ssh_private_key_encrypted"])
    return node


def _apply(
    node: Node, description: Description, found: Found, hardware: Hardware, *, now: datetime
) -> None:
    node.name = description.name
    node.host, node.ssh_port, node.ssh_user = description.host, description.port, description.user
    node.public_host, node.state_dir = description.public_host, description.state_dir
    node.first_port, node.last_port = description.port_range
    node.gpu_model, node.gpu_access = hardware.model, hardware.access
    node.driver_version, node.simulated = hardware.driver, hardware.simulated
    node.gpu_count = len(hardware.uuids)
    node.free_gpu_count = min(node.free_gpu_count, node.gpu_count)
    node.cpu_count, node.ram_mib = found.cpu_count, found.ram_mib
    node.disk_gib, node.cuda_version = found.disk_gib, found.cuda_version
    node.boot_id = found.boot_id or node.boot_id
    node.last_seen_at, node.missed_probes, node.missing_since = now, 0, None
    node.save()


def _match_gpus(node: Node, hardware: Hardware, *, now: datetime) -> None:
    gone = node.gpus.exclude(uuid__in=hardware.uuids)
    gone.filter(holder=None).delete()
    # What a pod holds stays on the books, but goes to nobody else.
    gone.filter(missing_since=None).update(missing_since=now)
    NodeGpu.objects.bulk_create(
        (
            NodeGpu(node=node, uuid=uuid, position=position)
            for position, uuid in enumerate(hardware.uuids)
        ),
        update_conflicts=True,
        unique_fields=["node", "uuid"],
        update_fields=["position", "missing_since"],
    )
    reservations.recount(node)


def _figures(description: Description, found: Found, hardware: Hardware) -> list[Figure]:
    model, count = hardware.model, str(len(hardware.uuids))
    if hardware.simulated:
        gpus = [
            Figure(name="gpu_model", claimed=f"{model.name} (simulated)", tried=False),
            Figure(name="gpu_count", claimed=f"{count} (simulated)", tried=False),
            Figure(name="driver", claimed=hardware.driver, tried=False),
        ]
    else:
        memory = found.gpus[0].memory_mib
        gpus = [
            Figure(name="gpu_model", measured=model.name),
            Figure(name="gpu_count", measured=count),
            Figure(name="gpu_memory", unit="MiB", measured=_text(memory)),
            Figure(name="driver", measured=found.driver_version),
            Figure(name="cuda", measured=_text(found.cuda_version)),
        ]
    return [
        *gpus,
        Figure(name="cpus", measured=_text(found.cpu_count)),
        Figure(name="memory", unit="MiB", measured=_text(found.ram_mib)),
        Figure(name="disk", unit="GiB", measured=_text(found.disk_gib)),
        Figure(name="engine", measured=found.engine_version),
        Figure(name="cgroup", measured=found.cgroup_version),
        Figure(name="kernel", measured=found.kernel),
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _tell(node: Node, *, now: datetime) -> None:
    if not node.events.exists():
        note(node, reason=Reason.ENROLLED, actor=PLATFORM, now=now, detail="Seen over SSH.")
    elif node.status in (NodeStatus.AVAILABLE, NodeStatus.VALIDATION_PENDING):
        detail = "Seen over SSH again."
        note(node, reason=Reason.ENROLLED_AGAIN, actor=PLATFORM, now=now, detail=detail)
    else:
        move(
            node,
            to=NodeStatus.VALIDATION_PENDING,
            reason=Reason.ENROLLED_AGAIN,
            actor=PLATFORM,
            now=now,
            detail="Seen over SSH again; being prepared for pods.",
        )
