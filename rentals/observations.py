"""What is known of a pod: its row as far as decisions need it, and what was seen on the machine."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from rentals.engine import Image, Observed
from rentals.models import Phase, PodStatus
from rentals.reasons import Reason


class Contact(StrEnum):
    """How the machine answered."""

    UNTRIED = "untried"
    ANSWERED = "answered"
    SILENT = "silent"
    REFUSED = "refused"
    ENGINE_SILENT = "engine_silent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """What a probe of the published port and of the GPUs showed; None means unknown."""

    banner: str | None = None
    host_key_matches: bool | None = None
    gpus: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """All that one pass has learnt; None means not looked at, or unknown."""

    contact: Contact = Contact.UNTRIED
    container: Observed | None = None
    image: Image | None = None
    image_missing: bool = False
    booted_at: datetime | None = None
    readiness: Readiness | None = None
    trouble: Reason | None = None
    error: str = ""

    def after_a_move(self) -> "Seen":
        """Keep what holds in the next state too: contact and container, not what came of the last step."""
        return replace(self, readiness=None, trouble=None, error="")


UNSEEN: Final = Seen()
GONE: Final = Observed(exists=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The part of a pod's row that decisions rest on."""

    status: PodStatus
    status_since: datetime
    phase: Phase = Phase.RESERVED
    deadline_at: datetime | None = None
    attempt: int = 0
    reason: Reason | None = None
    removal_scheduled_at: datetime | None = None
    container_started_at: str = ""
    gpus: frozenset[str] = frozenset()
    holds_gpus: bool = True
    is_gone: bool = False
    # The end of the machine's maintenance that has begun: nothing is given up before, or for it.
    away_until: datetime | None = None
    # How long within the last day it ran without proving itself (services/silences.py).
    unproven: timedelta = timedelta()


def proves(pod: Subject, readiness: Readiness) -> bool:
    """Say whether a probe proves readiness: banner, host key, and exactly the GPUs that were sold."""
    return (
        bool(readiness.banner) and readiness.host_key_matches is True and readiness.gpus == pod.gpus
    )


def runs_unproven(pod: Subject, seen: Seen) -> bool:
    """Say whether the container runs and was asked whether it is ready, which it did not show."""
    runs = seen.container is not None and seen.container.running is True
    return runs and seen.readiness is not None and not proves(pod, seen.readiness)


def started_mark(container: Observed) -> str:
    """Give the mark by which one run of a container is told from the next."""
    return container.started_at.isoformat() if container.started_at else ""


def exit_reason(seen: Seen, container: Observed) -> Reason:
    """Say why a container no longer runs."""
    if container.oom_killed:
        return Reason.OUT_OF_MEMORY
    rebooted = seen.booted_at and container.started_at and container.started_at < seen.booted_at
    return Reason.MACHINE_REBOOTED if rebooted else Reason.CONTAINER_EXITED


def silence_reason(seen: Seen) -> Reason:
    """Say who does not answer."""
    engine = seen.contact is Contact.ENGINE_SILENT
    return Reason.ENGINE_SILENT if engine else Reason.MACHINE_SILENT


def exit_text(container: Observed) -> str:
    """Say how a container ended."""
    return "" if container.exit_code is None else f"The exit status was {container.exit_code}."


def gpu_text(pod: Subject, readiness: Readiness) -> str:
    """Say how many GPUs are visible and how many were sold."""
    visible = len(readiness.gpus or ()) if readiness.gpus is not None else 0
    return f"{visible} visible, {len(pod.gpus)} sold."
