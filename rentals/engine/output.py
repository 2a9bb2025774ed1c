"""What a pod prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from marketplace.machine import Machine, Stream
from rentals.engine.docker import LOOK_SECONDS, MARGIN_SECONDS, complaint
from rentals.engine.spec import container_name

# Both streams in the order in which they reached the engine.
_MERGED = 'exec timeout -k 5 "$1" docker logs --tail "$2" "$3" 2>&1'


def logs(
    machine: Machine,
    *,
    pod_id: UUID,
    tail: int = 200,
    max_bytes: int = 1 << 20,
    seconds: int = LOOK_SECONDS,
) -> bytes:
    """Give the last `tail` lines that the pod printed, at most `max_bytes`."""
    argv = ["sh", "-c", _MERGED, "sh", str(seconds), str(tail), container_name(pod_id)]
    margin = min(seconds, MARGIN_SECONDS)
    result = machine.run(argv, timeout=seconds + margin, max_output=max_bytes)
    if result.exit_status:
        raise complaint(replace(result, stderr=result.stdout))
    return result.stdout


@contextmanager
def follow(
    machine: Machine, *, pod_id: UUID, tail: int = 200, idle_timeout: float | None = None
) -> Iterator[Stream]:
    """Follow what the pod prints until it stops or the block is left."""
    argv = ["docker", "logs", "--follow", "--tail", str(tail), container_name(pod_id)]
    with machine.stream(argv, idle_timeout=idle_timeout) as stream:
        yield stream
