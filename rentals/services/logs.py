"""What a pod's container printed, read from its machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from core.errors import Conflict, Unavailable
from marketplace.machine import MachineAddress, MachineError, Stream, connect, session
from marketplace.services.machines import machine_address
from rentals import engine, terms
from rentals.engine import EngineError, PodMissing
from rentals.models import Pod

MAX_LINES: Final = 10_000
IDLE_SECONDS: Final = 3600.0
# Somebody waits for a tail: one try, and each step of it has this long.
TAIL_SECONDS: Final = 5


class NoLogs(Conflict):
    """There is no container that could have printed anything."""

    code = "no_logs"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log is, all that is known of it from the database."""

    pod_id: UUID
    address: MachineAddress
    why_none: str


def source_of(pod: Pod) -> Source:
    """Say where a pod's log is; from then on reading it asks the database nothing."""
    return Source(pod.public_id, machine_address(pod.node), pod.status_reason)


def tail(*, source: Source, lines: int) -> str:
    """Give the last lines that a pod printed.

    :raises NoLogs: it has no container yet, or no more. :raises Unavailable: the machine is silent.
    """
    with (
        _reading(source),
        session(source.address, timeout=TAIL_SECONDS, tries=1) as machine,
    ):
        wanted = max(1, min(lines, MAX_LINES))
        text = engine.logs(machine, pod_id=source.pod_id, tail=wanted, seconds=TAIL_SECONDS)
    return text.decode("utf-8", "replace")


@contextmanager
def following(*, source: Source, lines: int) -> Iterator[Stream]:
    """Follow what a pod prints, its last lines first, on a connection of its own.

    Close the stream from any thread to stop; nothing is left running on the machine.

    :raises NoLogs, Unavailable: as `tail`, also while it is read.
    """
    with (
        _reading(source),
        connect(source.address, timeout=terms.CONNECT_SECONDS, tries=1) as machine,
    ):
        # Or docker's complaint would be streamed as if the pod had printed it.
        if not engine.look(
            machine, market_id=settings.MARKET_INSTANCE, pod_id=source.pod_id
        ).exists:
            raise PodMissing(engine.container_name(source.pod_id))
        with engine.follow(
            machine,
            pod_id=source.pod_id,
            tail=max(0, min(lines, MAX_LINES)),
            idle_timeout=IDLE_SECONDS,
        ) as stream:
            yield stream


@contextmanager
def _reading(source: Source) -> Iterator[None]:
    try:
        yield
    except PodMissing as error:
        raise NoLogs(
            "The pod has no container to read a log from.", hint=source.why_none
        ) from error
    except (MachineError, EngineError) as error:
        raise Unavailable(
            "The machine does not answer, so the log cannot be read now.",
            hint="The pod itself may be well. Try again in a minute.",
        ) from error
