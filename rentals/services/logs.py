"""What a pod's container printed, read from its machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import Conflict, Unavailable
from marketplace.machine import MachineError, Stream, connect, session
from marketplace.services.machines import machine_address
from rentals import engine, terms
from rentals.engine import EngineError, PodMissing
from rentals.models import Pod

MAX_LINES = 10_000
IDLE_SECONDS = 3600.0


class NoLogs(Conflict):
    """There is no container that could have printed anything."""

    code = "no_logs"


def tail(*, pod: Pod, lines: int) -> str:
    """Give the last lines that a pod printed.

    :raises NoLogs: it has no container yet, or no more. :raises Unavailable: the machine is silent.
    """
    with _reading(pod):
        address = machine_address(pod.node)
        with session(address, timeout=terms.CONNECT_SECONDS) as machine:
            wanted = max(1, min(lines, MAX_LINES))
            text = engine.logs(machine, pod_id=pod.public_id, tail=wanted)
    return text.decode("utf-8", "replace")


@contextmanager
def following(*, pod: Pod, lines: int) -> Iterator[Stream]:
    """Follow what a pod prints, its last lines first, on a connection of its own.

    Close the stream from any thread to stop; nothing is left running on the machine.

    :raises NoLogs, Unavailable: as `tail`, also while it is read.
    """
    with (
        _reading(pod),
        connect(machine_address(pod.node), timeout=terms.CONNECT_SECONDS) as machine,
        engine.follow(
            machine,
            pod_id=pod.public_id,
            tail=max(0, min(lines, MAX_LINES)),
            idle_timeout=IDLE_SECONDS,
        ) as stream,
    ):
        yield stream


@contextmanager
def _reading(pod: Pod) -> Iterator[None]:
    try:
        yield
    except PodMissing as error:
        raise NoLogs(
            "The pod has no container to read a log from.", hint=pod.status_reason
        ) from error
    except (MachineError, EngineError) as error:
        raise Unavailable(
            "The machine does not answer, so the log cannot be read now.",
            hint="The pod itself may be well. Try again in a minute.",
        ) from error
