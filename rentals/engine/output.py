"""What a pod prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from marketplace.machine import Machine, Stream
from rentals.engine.docker import LOOK_SECONDS, MARGIN_SECONDS, complaint
from rentals.engine.spec import container_name

# Both streams in the order in which they reached the engine, the newest kept; the status is docker's, not the cutter's.
_MERGED = """\
exec 3>&1
status=$({ { timeout -k 5 "$1" docker logs --tail "$2" "$3" 2>&1; echo $? >&4; } | tail -c "$4" >&3; } 4>&1)
exit "$status\""""


def logs(
    machine: Machine,
    *,
    pod_id: UUID,
    tail: int = 200,
    max_bytes: int = 1 << 20,
    seconds: int = LOOK_SECONDS,
) -> bytes:
    """Give the last `tail` lines that the pod printed: the last `max_bytes` of them, and a line that says so."""
    # One byte more than is kept tells whether there was more.
    words = (str(seconds), str(tail), container_name(pod_id), str(max_bytes + 1))
    margin = min(seconds, MARGIN_SECONDS)
    argv = ["sh", "-c", _MERGED, "sh", *words]
    result = machine.run(argv, timeout=seconds + margin, max_output=max_bytes + 1)
    if result.exit_status:
        raise complaint(replace(result, stderr=result.stdout))
    return _end_of(result.stdout, max_bytes)


def _end_of(printed: bytes, max_bytes: int) -> bytes:
    if len(printed) <= max_bytes:
        return printed
    end = printed[-max_bytes:]
    whole_lines = end.partition(b"\n")[2] or end
    return b"lium: there was more; these are the last %d KiB.\n" % (max_bytes >> 10) + whole_lines


@contextmanager
def follow(
    machine: Machine, *, pod_id: UUID, tail: int = 200, idle_timeout: float | None = None
) -> Iterator[Stream]:
    """Follow what the pod prints until it stops or the block is left."""
    argv = ["docker", "logs", "--follow", "--tail", str(tail), container_name(pod_id)]
    with machine.stream(argv, idle_timeout=idle_timeout) as stream:
        yield stream
