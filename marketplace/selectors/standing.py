"""Where a node stands, in the words that renter, provider, operator and the client's portal share."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db.models import Q

from marketplace.models import Node, NodeStatus


class Standing(StrEnum):
    """The states of a machine on the market, as the portal's client writes them."""

    AVAILABLE = "AVAILABLE"
    RENTED = "RENTED"
    VALIDATION_PENDING = "VALIDATION_PENDING"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    OFFLINE = "OFFLINE"
    NOT_DETECTED = "NOT_DETECTED"
    RECLAIMING = "RECLAIMING"


WORDS: Final[Mapping[Standing, str]] = {
    Standing.AVAILABLE: "On the market",
    Standing.RENTED: "Rented",
    Standing.VALIDATION_PENDING: "Being checked",
    Standing.VALIDATION_FAILED: "Check failed",
    Standing.OFFLINE: "Offline",
    Standing.NOT_DETECTED: "Not reached",
    Standing.RECLAIMING: "Reclaiming",
}
MESSAGES: Final[Mapping[Standing, str]] = {
    Standing.AVAILABLE: "On the market; GPUs are free.",
    Standing.RENTED: "On the market; all its GPUs are rented.",
    Standing.VALIDATION_PENDING: "Reached; its checks are not through yet.",
    Standing.VALIDATION_FAILED: "A check failed; see what is required and how to mend it.",
    Standing.OFFLINE: "It does not answer; pods on it are not charged, and nothing on it is ended.",
    Standing.NOT_DETECTED: "Not reached yet.",
    Standing.RECLAIMING: "Its provider needs it: a maintenance runs, or it is taken back; no new rentals.",
}
# A node that left has a record and no state any more.
OFF_THE_MARKET: Final = "Off the market"


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """A state with the sentence that goes with it."""

    standing: Standing
    message: str

    @property
    def word(self) -> str:
        """Name the state for people."""
        return WORDS[self.standing]


def standing_of(node: Node) -> NodeStanding:
    """Tell where a node stands; one whose GPUs are all held is rented."""
    standing = Standing(node.status.upper())
    if node.status == NodeStatus.AVAILABLE and not node.free_gpu_count:
        standing = Standing.RENTED
    return NodeStanding(standing, node.status_reason or MESSAGES[standing])


def status_word(status: str) -> str:
    """Name a stored status for people, as the states are named; nothing stays nothing."""
    return WORDS[Standing(status.upper())] if status else ""


def stands(standing: Standing) -> Q:
    """Match the nodes that stand so; one that left stands nowhere."""
    here = Q(delisted_at=None)
    if standing == Standing.RENTED:
        return here & Q(status=NodeStatus.AVAILABLE, free_gpu_count=0)
    if standing == Standing.AVAILABLE:
        return here & Q(status=NodeStatus.AVAILABLE, free_gpu_count__gt=0)
    return here & Q(status=standing.lower())
