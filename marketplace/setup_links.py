"""Signed links to a machine's install script: for a root shell that has no cookie of its provider's."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core import signing

from core.errors import NotFound
from marketplace.models import Node

SALT: Final = "marketplace.setup"
LIFE: Final = timedelta(days=2)


def token_of(node: Node) -> str:
    """Give a token for a node's install script; it may be used again until it expires."""
    return signing.dumps(str(node.public_id), salt=SALT, compress=False)


def node_of(token: str) -> Node:
    """Give the node of a token.

    :raises NotFound: it is none of ours, too old, or the machine was taken off.
    """
    try:
        public_id = UUID(signing.loads(token, salt=SALT, max_age=LIFE))
    except (signing.BadSignature, ValueError):
        node = None
    else:
        rows = Node.objects.filter(public_id=public_id, delisted_at=None)
        node = rows.select_related("provider").first()
    if node is None:
        raise NotFound(
            "This link is none of ours, or it is older than two days.",
            hint="The machine's page has a fresh one.",
        )
    return node
