"""A node as the lium client reads it; the shape itself is the database's (migration 0002)."""

import json
from typing import Any

from marketplace.models import Node


def executor(node: Node, *, with_address: bool = False) -> dict[str, Any]:
    """Give a node as an executor object; the address only to who rents on it.

    ``node`` must be as it was read: a node changed since shows its offer as of the last read.
    """
    shape: dict[str, Any] = json.loads(node.offer_json)
    if with_address:
        shape["executor_ip_address"] = node.public_host
    return shape
