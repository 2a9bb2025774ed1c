"""What can be done next with a pod: one action, and where it leads."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from rentals.models import Phase, PodStatus
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
    EXPLAIN = "explain"
    WAIT = "wait"


_PHASES: Final = {
    Action.PULL: Phase.IMAGE,
    Action.CREATE: Phase.CONTAINER,
    Action.PROBE: Phase.SSH,
}


def phase_of(action: Action) -> Phase:
    """Name the phase of a start that an action on the machine belongs to."""
    return _PHASES.get(action, Phase.CONNECTING)


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


def explain(reason: Reason) -> Step:
    """Keep the status and say anew why."""
    return Step(action=Action.EXPLAIN, reason=reason)


def wait(span: timedelta) -> Step:
    """Do nothing for a while."""
    return Step(action=Action.WAIT, wait=span)
