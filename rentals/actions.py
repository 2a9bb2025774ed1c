"""What can be done next with a pod: one action, and where it leads."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rentals.models import PodStatus
from rentals.reasons import Reason


class Action(StrEnum):
    """What one step does; the first group touches the machine and may be repeated."""

    LOOK = "look"
    FIND_IMAGE = "find_image"
    PULL = "pull"
    CREATE = "create"
    START = "start"
    RESTART = "restart"
    STOP = "stop"
    REMOVE = "remove"
    PROBE = "probe"

    MOVE = "move"
    KEEP = "keep"
    GIVE_BACK = "give_back"
    WAIT = "wait"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step: the action, and where it leads."""

    action: Action
    to: PodStatus | None = None
    reason: Reason | None = None
    detail: str = ""
    wait: timedelta = timedelta()
    doubt: bool = False


def move(to: PodStatus, reason: Reason, detail: str = "") -> Step:
    """Change the status."""
    return Step(action=Action.MOVE, to=to, reason=reason, detail=detail)


def wait(span: timedelta) -> Step:
    """Do nothing for a while."""
    return Step(action=Action.WAIT, wait=span)
