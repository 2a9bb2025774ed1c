"""All cards of a machine at once: each has a thread of its own for life, and no job starts before all are ready."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from validation.proof.openings import Opening
from validation.proof.parameters import Parameters

Result = TypeVar("Result")


class Card(Protocol):
    """What every card does, real or simulated: it fills, then sweeps, then opens."""

    uuid: str

    @property
    def facts(self) -> Mapping[str, int]:
        """Return whole microseconds by this machine's own clock: shown, never believed."""

    def description(self) -> dict[str, Any]:
        """Return what the card claims to be."""

    def fill(self, seed: bytes, parameters: Parameters) -> bytes:
        """Make and keep all products; return the root that commits to them."""

    def sweep(self, nonce: bytes) -> list[bytes]:
        """Read everything back as often as asked; return each sweep's top."""

    def open(self, coin: bytes) -> list[Opening]:
        """Give the paths of the tiles that the coin draws."""

    def release(self) -> None:
        """Give back all memory of the card."""


class Team:
    """One thread a card, in which the card is also made: a GPU's context belongs to its thread."""

    def __init__(self, makers: Sequence[Callable[[], Card]]) -> None:
        self._threads = [ThreadPoolExecutor(1, f"card-{index}") for index in range(len(makers))]
        self.cards: list[Card] = self.together(dict(enumerate(makers)))

    def together(self, jobs: Mapping[int, Callable[[], Result]]) -> list[Result]:
        """Run each card's job in its thread, all from one barrier on; return their results in the jobs' order.

        All have ended when this returns, or raises the first failure.
        """
        barrier = threading.Barrier(len(jobs))
        running = [self._threads[at].submit(_after, barrier, job) for at, job in jobs.items()]
        return _results(running)

    def close(self) -> None:
        """Release every card, and end the threads."""
        for thread, card in zip(self._threads, self.cards, strict=True):
            thread.submit(card.release)
        for thread in self._threads:
            thread.shutdown()


def _after(barrier: threading.Barrier, job: Callable[[], Result]) -> Result:
    barrier.wait()
    return job()


def _results(running: "Sequence[Future[Result]]") -> list[Result]:
    for failure in [future.exception() for future in running]:
        if failure is not None:
            raise failure
    return [future.result() for future in running]
