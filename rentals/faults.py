"""Named points at which a test may end the process; in service they cost one comparison."""

from collections.abc import Callable
from typing import Final

POINTS: Final = (
    "rent.locked",
    "rent.inserted",
    "rent.committed",
    "rent.claimed",
    "rent.container_started",
    "rent.proven",
    "rent.running",
    "remove.intended",
    "remove.container_gone",
    "remove.settled",
    "remove.freed",
)

_armed: dict[str, Callable[[], None]] = {}


def point(name: str) -> None:
    """Pass a named point; does nothing unless a test armed it."""
    if _armed and (fault := _armed.get(name)):
        fault()


def arm(name: str, fault: Callable[[], None]) -> None:
    """Let a test say what happens at a point.

    :raises ValueError: there is no such point.
    """
    if name not in POINTS:
        raise ValueError(f"There is no fault point {name!r}.")
    _armed[name] = fault


def disarm() -> None:
    """Forget every armed point."""
    _armed.clear()
