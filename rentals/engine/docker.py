"""Runs the docker client on a machine and turns its complaints into typed errors."""

import re
from collections.abc import Sequence

from marketplace.machine import CommandResult, Machine, OutcomeUnknown
from rentals.engine.errors import (
    DiskFull,
    EngineDown,
    EngineError,
    GpuUnavailable,
    ImageMissing,
    NameConflict,
    PodMissing,
    PortTaken,
)

LOOK_SECONDS = 15
ACT_SECONDS = 60
# The machine's own `timeout` ends docker first; the rest is for the answer's way back.
MARGIN_SECONDS = 10
TIMED_OUT = (124, 137)

# Order matters: a full disk can be the cause named inside another complaint.
_COMPLAINTS: tuple[tuple[str, type[EngineError]], ...] = (
    (r"no space left on device|disk quota exceeded", DiskFull),
    (r"cannot connect to the docker daemon|is the docker daemon running", EngineDown),
    (r"permission denied .*docker(\.sock| daemon socket)", EngineDown),
    (r"no such (container|object)", PodMissing),
    (r"no such image|unable to find image", ImageMissing),
    (r"container name .* is already in use", NameConflict),
    (r"port is already allocated|address already in use|cannot assign requested", PortTaken),
    (
        r"could not select device driver|nvidia|cdi device|unresolvable|unknown device",
        GpuUnavailable,
    ),
)


def docker(
    machine: Machine, args: Sequence[str], *, timeout: int, max_output: int = 1 << 20
) -> bytes:
    """Run `docker ARGS` on the machine and give its standard output.

    :raises EngineError: the kind that fits the complaint.
    :raises OutcomeUnknown: when no exit status came back.
    """
    result = attempt(machine, args, timeout=timeout, max_output=max_output)
    if result.exit_status:
        raise complaint(result)
    return result.stdout


def attempt(
    machine: Machine, args: Sequence[str], *, timeout: int, max_output: int = 1 << 20
) -> CommandResult:
    """Run `docker ARGS` and give the result, whatever its exit status.

    :raises EngineDown: when docker itself did not answer in time.
    :raises OutcomeUnknown: when no exit status came back.
    """
    argv = ["timeout", "-k", "5", str(timeout), "docker", *args]
    result = machine.run(argv, timeout=timeout + MARGIN_SECONDS, max_output=max_output)
    if result.exit_status is None:
        why = "The connection was lost"
        raise OutcomeUnknown(where=str(machine), command=f"docker {args[0]}", why=why)
    if result.exit_status in TIMED_OUT and not result.stderr:
        raise EngineDown(f"`docker {args[0]}` gave no answer within {timeout} seconds")
    return result


def complaint(result: CommandResult) -> EngineError:
    """Find the error type for what docker wrote; what a program in a pod wrote is no complaint of docker's."""
    text = result.error_text
    for pattern, kind in _COMPLAINTS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(text)
    return EngineError(text or f"docker exited with status {result.exit_status}")
