"""A node's passport: what is claimed, what was measured, by whom and when, and what happened."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.actors import ActorKind
from marketplace.models import Fact, HandOver, Node, NodeEvent, NodeStatus
from marketplace.selectors.hosting import rental_words
from marketplace.selectors.repeated import Spread, spreads
from marketplace.selectors.standing import status_word
from marketplace.transitions import Reason

LABELS: Final = {
    "gpu_count": "GPUs",
    "gpu_model": "GPU model",
    "place": "Place",
    "gpu_memory": "Memory of a GPU",
    "driver": "GPU driver",
    "cuda": "Newest CUDA",
    "cpus": "CPU threads",
    "memory": "Memory",
    "disk": "Disk for pods",
    "download": "Download",
    "upload": "Upload",
    "ports": "Ports reached from outside",
    "power_limit": "Power limit of a GPU",
    "engine": "Container engine",
    "cgroup": "Control groups",
    "kernel": "Kernel",
}
TONES: Final = {
    NodeStatus.AVAILABLE: "done",
    NodeStatus.OFFLINE: "failed",
    NodeStatus.VALIDATION_FAILED: "failed",
    NodeStatus.NOT_DETECTED: "failed",
}
# What everybody may know of who acted; a name may be a person's, a key's or a member of staff's.
ROLES: Final = {
    ActorKind.USER: "its provider",
    ActorKind.API_KEY: "its provider",
    ActorKind.PROVIDER: "its provider",
    ActorKind.ADMIN: "an operator",
    ActorKind.PLATFORM: "the market",
}
# Once told a fingerprint, by which anybody finds the address that it answers at.
FOR_ITS_PROVIDER: Final = frozenset({Reason.HOST_KEY_CONFIRMED})
OF_GPUS: Final = ("gpu_model", "gpu_count")


@dataclass(frozen=True, slots=True)
class FactRow:
    """A fact as the page shows it; ``measured`` of what is measured again and again is what it is listed with."""

    name: str
    label: str
    unit: str
    claimed: str | None
    measured: str | None
    measured_by: str
    measured_at: datetime | None
    samples: int
    failures: int
    spread: Spread | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as the page shows it; ``tone`` is done, failed or empty."""

    title: str
    reason: str
    actor: str
    at: datetime
    tone: str


def facts(node: Node) -> list[FactRow]:
    """List the node's facts in the order people ask for them."""
    position = {name: index for index, name in enumerate(LABELS)}
    rows = sorted(node.facts.all(), key=lambda fact: (position.get(fact.name, 99), fact.name))
    known = spreads(node)
    return [_fact_row(fact, known.get(fact.name), simulated=node.simulated) for fact in rows]


def events(node: Node, *, own: bool = False, limit: int = 20) -> list[EventRow]:
    """List what happened to the node, newest first.

    Only its provider reads of rentals, and names, of their own people.
    """
    rows = [_event_row(event, own=own) for event in node.events.order_by("-id")[:limit]]
    if own:
        rows += [_rental_row(row) for row in node.hand_overs.order_by("-id")[:limit]]
        rows.sort(key=lambda row: row.at, reverse=True)
    return rows[:limit]


def _fact_row(fact: Fact, spread: Spread | None, *, simulated: bool) -> FactRow:
    label = " (simulated)" if simulated and fact.claimed and fact.name in OF_GPUS else ""
    return FactRow(
        name=fact.name,
        label=LABELS.get(fact.name, fact.name.replace("_", " ").capitalize()),
        unit=fact.unit,
        claimed=f"{fact.claimed}{label}" if label else fact.claimed,
        measured=f"{spread.median:.0f}" if spread else fact.measured,
        measured_by=fact.measured_by,
        measured_at=fact.measured_at,
        samples=fact.samples,
        failures=fact.failures,
        spread=spread,
    )


def _event_row(event: NodeEvent, *, own: bool) -> EventRow:
    role = ROLES[ActorKind(event.actor_kind)]
    named = own and role == ROLES[ActorKind.PROVIDER]
    moved = event.from_status != event.to_status
    status = NodeStatus(event.to_status)
    return EventRow(
        title=status_word(status) if moved else event.reason_code.replace("_", " ").capitalize(),
        reason=event.reason if own or event.reason_code not in FOR_ITS_PROVIDER else "",
        actor=(event.actor_name if named else "") or role,
        at=event.created_at,
        tone=TONES.get(status, "") if moved else "",
    )


def _rental_row(hand_over: HandOver) -> EventRow:
    began = hand_over.direction == HandOver.Direction.TO_RENTER
    return EventRow(
        title="Rental began" if began else "Rental ended",
        reason=rental_words(hand_over),
        actor="its renter",
        at=hand_over.occurred_at,
        tone="done" if began else "",
    )
