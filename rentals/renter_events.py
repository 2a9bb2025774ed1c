"""What a renter's webhooks hear of pods (docs/webhooks.md); in the transaction of what happened."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from core.actors import Actor
from marketplace import outbox
from rentals.models import Pod, PodEvent, PodStatus
from rentals.reasons import Reason

KINDS: Final[Mapping[PodStatus, str]] = {
    PodStatus.RUNNING: "pod.running",
    PodStatus.UNREACHABLE: "pod.unreachable",
    PodStatus.STOPPED: "pod.stopped",
    PodStatus.REBOOT_FAILED: "pod.reboot_failed",
    PodStatus.LOST: "pod.lost",
    PodStatus.FAILED: "pod.failed",
    PodStatus.REMOVED: "pod.ended",
}
# What a machine shows is asked for before: the wish has the reason that a renter wants to know.
ASKED_BY: Final = {
    PodStatus.STOPPED: PodStatus.STOPPING,
    PodStatus.REMOVED: PodStatus.REMOVING,
}


def tell_of_move(
    pod: Pod, *, source: PodStatus, reason: Reason, actor: Actor, now: datetime
) -> None:
    """Tell whose pod it is that it has moved, where that is worth an event."""
    status = PodStatus(pod.status)
    if status not in KINDS:
        return
    event = {
        "text": reason.words,
        "pod": {"id": str(pod.public_id), "name": pod.name, "status": status.value},
        "reason": reason.code,
        "from_status": source.value,
        "to_status": status.value,
        "by": {"kind": actor.kind.value, "name": actor.name},
        **_wish(pod, source=source),
    }
    outbox.tell(pod.workspace, kind=KINDS[status], event=event, now=now)


def _wish(pod: Pod, *, source: PodStatus) -> dict[str, Any]:
    """Give who wanted a pod to be stopped or removed, and why; nothing where nobody did."""
    if ASKED_BY.get(PodStatus(pod.status)) != source:
        return {}
    wish = PodEvent.objects.filter(pod=pod, to_status=source).order_by("-pk").first()
    if wish is None:
        return {}
    by = {"kind": wish.actor_kind, "name": wish.actor_name}
    return {"text": wish.reason, "reason": wish.reason_code, "by": by}
