"""A renter's word about a node, kept in the audit trail beside the pod's other acts."""

from dataclasses import dataclass
from datetime import datetime

from accounts.principal import Principal
from accounts.services import audit
from rentals.models import Pod


@dataclass(frozen=True, slots=True)
class Words:
    """The text, a rating from 1 to 5, and the client's word for the occasion."""

    text: str
    rating: int | None
    reason: str


def give(*, principal: Principal, pod: Pod, words: Words, now: datetime) -> None:
    """Write a renter's word down."""
    audit.record(
        action="pod.feedback",
        actor=principal.actor(),
        now=now,
        workspace_id=pod.workspace_id,
        resource=("pod", pod.public_id),
        reason=words.reason,
        result={"name": pod.name, "rating": words.rating, "text": words.text},
    )
