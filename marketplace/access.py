"""The one door from a request to a node: what is listed is public, all else does not exist."""

from uuid import UUID

from core.errors import NotFound
from marketplace.models import Node


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
