"""Who holds which GPUs and ports of a node: decided under the node's row lock, nowhere else.

Every function joins the caller's transaction. Lock order: account, node, pod.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet

from core.errors import Conflict
from marketplace.models import Node, NodeGpu, NodeStatus, PortReservation
from marketplace.selectors.notices import open_notice
from marketplace.services.silence import DOUBTED


class NoCapacity(Conflict):
    """The node cannot give what is asked for now."""

    code = "node_taken"


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a holder got; GPUs by UUID, never by index."""

    gpu_uuids: list[str]
    ports: list[int]


def reserve(
    *, node_id: int, gpu_count: int, port_count: int, holder: UUID, now: datetime
) -> Reservation:
    """Give a holder GPUs and ports of a node, or nothing at all; asking again gives the same.

    :raises NoCapacity: the node is not on the market, or lacks free GPUs or ports.
    """
    node = _lock_for_rent(node_id, now)
    if not _gpus_of(node, holder).exists():
        _take_gpus(node, gpu_count, holder)
        _take_ports(node, port_count, holder)
        recount(node)
    return _held(node, holder)


def reserve_again(
    *, node_id: int, gpu_uuids: Sequence[str], ports: Sequence[int], holder: UUID, now: datetime
) -> Reservation:
    """Give back the very GPUs and ports that a stopped pod had: its container is bound to both.

    :raises NoCapacity: the node is not on the market, or one of them is held by somebody else.
    """
    node = _lock_for_rent(node_id, now)
    _take_these_gpus(node, set(gpu_uuids), holder)
    _take_these_ports(node, set(ports), holder)
    recount(node)
    return _held(node, holder)


def release(*, holder: UUID, now: datetime) -> None:
    """Take everything back from a holder; harmless when it holds nothing."""
    for node in _lock_nodes_of(holder):
        _gpus_of(node, holder).update(holder=None)
        PortReservation.objects.filter(node=node, holder=holder).delete()
        _settle(node, now=now)


def release_gpus(*, holder: UUID, now: datetime) -> None:
    """Take the GPUs back and leave the ports: the pod is stopped and keeps its address."""
    for node in _lock_nodes_of(holder):
        _gpus_of(node, holder).update(holder=None)
        _settle(node, now=now)


def give_up_gpus(node: Node, *, now: datetime) -> None:
    """Let the GPUs of a node that leaves the market be listed elsewhere, but for those that pods still hold."""
    node.gpus.filter(holder=None, given_up_at=None).update(given_up_at=now)


def recount(node: Node) -> None:
    """Bring a node's free figures up to who holds what; the caller holds the row lock."""
    reserved = node.port_reservations.filter(
        port__gte=F("node__first_port"), port__lte=F("node__last_port")
    ).count()
    Node.objects.filter(pk=node.pk).update(
        free_gpu_count=_free_gpus(node).count(),
        free_port_count=F("last_port") - F("first_port") + 1 - reserved,
    )


def _settle(node: Node, *, now: datetime) -> None:
    if node.delisted_at is not None:
        give_up_gpus(node, now=now)
    recount(node)


def _lock_for_rent(node_id: int, now: datetime) -> Node:
    node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
    off = node.status != NodeStatus.AVAILABLE or node.delisted_at or node.frozen_at
    if off or _is_announced_away(node, now):
        raise NoCapacity(
            f"{node.huid} is not on the market now.",
            hint="Choose another machine.",
            data={"node_id": str(node.public_id)},
        )
    _require_answering(node)
    return node


def _require_answering(node: Node) -> None:
    """Refuse a machine that rather does not answer, though silence is judged later, or its turn to go has not come."""
    if node.missed_probes >= DOUBTED:
        raise NoCapacity(
            f"{node.huid} has not answered the last {node.missed_probes} probes.",
            hint="Choose another machine, or try again in a minute.",
            data={"node_id": str(node.public_id)},
        )


def _is_announced_away(node: Node, now: datetime) -> bool:
    """Say whether a notice forbids new rentals already, before a sweep has moved the node."""
    notice = open_notice(node)
    return bool(notice and (notice.permanent or notice.starts_at <= now))


def _lock_nodes_of(holder: UUID) -> Sequence[Node]:
    by_gpu = NodeGpu.objects.filter(holder=holder).values("node_id")
    by_port = PortReservation.objects.filter(holder=holder).values("node_id")
    nodes = Node.objects.filter(pk__in=by_gpu.union(by_port, all=True)).order_by("pk")
    return list(nodes.select_for_update(no_key=True))


def _held(node: Node, holder: UUID) -> Reservation:
    gpus = _gpus_of(node, holder).order_by("position")
    ports = node.port_reservations.filter(holder=holder).order_by("port")
    return Reservation(
        gpu_uuids=list(gpus.values_list("uuid", flat=True)),
        ports=list(ports.values_list("port", flat=True)),
    )


def _take_gpus(node: Node, gpu_count: int, holder: UUID) -> None:
    if gpu_count < node.min_gpu_count:
        raise NoCapacity(
            f"{node.huid} is rented in pods of at least {node.min_gpu_count} GPUs.",
            hint=f"Ask for {node.min_gpu_count} or more GPUs, or choose another machine.",
            data={"min_gpu_count": node.min_gpu_count},
        )
    free = list(_free_gpus(node).order_by("position")[:gpu_count])
    if len(free) < gpu_count:
        raise NoCapacity(
            f"{node.huid} has {len(free)} free GPUs, {gpu_count} were asked for.",
            hint="Somebody else was faster; take fewer GPUs or an equivalent machine.",
            data={"free_gpu_count": len(free), "asked": gpu_count},
        )
    NodeGpu.objects.filter(pk__in=[gpu.pk for gpu in free]).update(holder=holder)


def _take_ports(node: Node, port_count: int, holder: UUID) -> None:
    taken = set(node.port_reservations.values_list("port", flat=True))
    free = (port for port in range(node.first_port, node.last_port + 1) if port not in taken)
    ports = [port for port, _ in zip(free, range(port_count), strict=False)]
    if len(ports) < port_count:
        raise NoCapacity(
            f"{node.huid} has {len(ports)} free ports, {port_count} were asked for.",
            hint="Ask for fewer ports or choose another machine.",
            data={"free_port_count": len(ports), "asked": port_count},
        )
    PortReservation.objects.bulk_create(
        PortReservation(node=node, port=port, holder=holder) for port in ports
    )


def _take_these_gpus(node: Node, uuids: set[str], holder: UUID) -> None:
    wanted = NodeGpu.objects.filter(node=node, uuid__in=uuids, missing_since=None)
    free = wanted.filter(Q(holder=None) | Q(holder=holder))
    if free.count() < len(uuids):
        raise NoCapacity(
            f"The GPUs that this pod had on {node.huid} are rented to somebody else.",
            hint="Wait until they are free, or rent an equivalent machine.",
            data={"node_id": str(node.public_id)},
        )
    free.update(holder=holder)


def _take_these_ports(node: Node, ports: set[int], holder: UUID) -> None:
    held = dict(node.port_reservations.filter(port__in=ports).values_list("port", "holder"))
    if set(held.values()) - {holder}:
        raise NoCapacity(
            f"The ports that this pod had on {node.huid} belong to somebody else's pod.",
            hint="Rent an equivalent machine; this pod's container was not there any more.",
            data={"node_id": str(node.public_id)},
        )
    PortReservation.objects.bulk_create(
        PortReservation(node=node, port=port, holder=holder) for port in sorted(ports - set(held))
    )


def _free_gpus(node: Node) -> QuerySet[NodeGpu]:
    return NodeGpu.objects.filter(node=node, holder=None, missing_since=None)


def _gpus_of(node: Node, holder: UUID) -> QuerySet[NodeGpu]:
    return NodeGpu.objects.filter(node=node, holder=holder)
