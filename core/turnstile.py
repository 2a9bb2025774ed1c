"""Fair shares of a worker's threads: what is slow for one owner waits in that owner's own queue, never in everybody's."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Ring = Callable[[], None]


@dataclass
class _Gate:
    inside: int = 0
    waiting: OrderedDict[Hashable, Ring] = field(default_factory=OrderedDict)


class Turnstile:
    """Lets so many pieces of work of one owner in at once, within this process."""

    def __init__(self, *, width: int) -> None:
        """Choose how many threads one owner may take."""
        self._width = width
        self._lock = threading.Lock()
        self._gates: dict[Hashable, _Gate] = {}

    @contextmanager
    def turn(self, owner: Hashable, work: Hashable, ring: Ring) -> Iterator[bool]:
        """Give whether it is let in; what is not is rung for again, once, when its owner has room."""
        if not self._enter(owner, work, ring):
            yield False
            return
        try:
            yield True
        finally:
            if again := self._leave(owner):
                again()

    def _enter(self, owner: Hashable, work: Hashable, ring: Ring) -> bool:
        with self._lock:
            gate = self._gates.setdefault(owner, _Gate())
            if gate.inside >= self._width:
                gate.waiting[work] = ring
                return False
            gate.inside += 1
            gate.waiting.pop(work, None)
            return True

    def _leave(self, owner: Hashable) -> Ring | None:
        with self._lock:
            gate = self._gates[owner]
            gate.inside -= 1
            if gate.waiting:
                return gate.waiting.popitem(last=False)[1]
            if not gate.inside:
                del self._gates[owner]
            return None
