"""The steps of a machine's way onto the market, and how far it is."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from marketplace.models import Node, NodeStatus

FIRST: Final = "address"
STEPS: Final = {
    FIRST: "Address",
    "host-key": "Host key",
    "access": "Access",
    "checks": "Checks",
    "price": "Price",
    "list": "List",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the way as the page shows it; ``state`` is done, active or waiting."""

    key: str
    label: str
    url: str
    state: str


def at_first() -> list[Step]:
    """Give the steps of a machine that nobody has named yet."""
    return [
        Step(key, label, "", "active" if key == FIRST else "waiting")
        for key, label in STEPS.items()
    ]


def steps_of(node: Node, current: str) -> list[Step]:
    """Give the steps of a machine; any of them may be taken again."""
    checked = node.status in (NodeStatus.VALIDATION_PENDING, NodeStatus.AVAILABLE)
    done = {
        FIRST: True,
        "host-key": bool(node.host_key),
        "access": node.status != NodeStatus.NOT_DETECTED,
        "checks": checked and node.last_verified_at is not None,
        "price": node.listing_wanted_at is not None,
        "list": node.first_listed_at is not None,
    }
    return [
        Step(
            key,
            label,
            reverse("provider_setup", args=[node.public_id, key]),
            "active" if key == current else "done" if done[key] else "waiting",
        )
        for key, label in STEPS.items()
    ]
