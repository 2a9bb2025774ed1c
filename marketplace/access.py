"""The one door from a request to a node: what is listed is public, all else exists for its provider alone."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.principal import Principal
from core.errors import NotFound
from marketplace.models import Node, NodeGpu, PortReservation, Provider


class NodeNotFound(NotFound):
    """There is no such machine, or it is another provider's."""

    code = "node_not_found"


def node_for_visitor(public_id: UUID) -> Node:
    """Give a node that is on the market, rented out or offline included.

    :raises NotFound: there is none, it never was on the market, or it was taken off.
    """
    rows = Node.objects.filter(
        public_id=public_id, delisted_at=None, frozen_at=None, first_listed_at__isnull=False
    )
    node = rows.select_related("gpu_model", "provider").first()
    if node is None:
        raise NotFound(
            "There is no such machine on the market.",
            hint="It may have been taken off; the machines page shows what is there now.",
        )
    return node


def node_for_provider(principal: Principal, public_id: UUID) -> Node:
    """Give a node of the caller's workspace, listed or not, frozen ones included.

    :raises NodeNotFound: there is none, it is somebody else's, or it was taken off the market.
    """
    return _mine(principal, public_id, Q(delisted_at=None))


def record_for_provider(principal: Principal, public_id: UUID) -> Node:
    """Give a node of the caller's workspace to read: one that was taken off the market keeps its record.

    :raises NodeNotFound: there is none, or it is somebody else's.
    """
    return _mine(principal, public_id, Q())


def node_to_announce(principal: Principal, public_id: UUID) -> Node:
    """Give a node of the caller's workspace that has renters or may get some: pods go on where it was taken off.

    :raises NodeNotFound: there is none, it is somebody else's, or it was taken off and nobody is on it.
    """
    gpus = NodeGpu.objects.filter(node=OuterRef("pk"), holder__isnull=False)
    ports = PortReservation.objects.filter(node=OuterRef("pk"))
    return _mine(principal, public_id, Q(delisted_at=None) | Exists(gpus) | Exists(ports))


def nodes_of(provider: Provider) -> QuerySet[Node]:
    """Select a provider's machines that were not taken off the market, oldest first."""
    rows = Node.objects.filter(provider=provider, delisted_at=None)
    return rows.select_related("gpu_model", "provider").order_by("pk")


def former_nodes_of(provider: Provider) -> QuerySet[Node]:
    """Select a provider's machines that were taken off the market, the last one first."""
    rows = Node.objects.filter(provider=provider, delisted_at__isnull=False)
    return rows.select_related("gpu_model", "provider").order_by("-delisted_at")


def _mine(principal: Principal, public_id: UUID, which: Q | Exists) -> Node:
    mine = Node.objects.filter(public_id=public_id, provider__workspace=principal.workspace)
    node = mine.filter(which).select_related("gpu_model", "provider").first()
    if node is None:
        raise NodeNotFound(
            "There is no such machine of yours.", hint="Your machines page lists what is there."
        )
    return node
