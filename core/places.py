"""Room for what takes long: so many at once in this process, and so many of them for one owner."""

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

from core.errors import RateLimited

RETRY_SECONDS: Final = 5


class Places:
    """So many places; who finds none is told so at once, and waits for nobody."""

    def __init__(self, *, total: int, each: int, what: str) -> None:
        """Choose how many there are, how many one owner may have, and what goes on there, in words."""
        self.total, self.each, self.what = total, each, what
        self._lock = threading.Lock()
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def one_for(self, owner: Hashable) -> Iterator[None]:
        """Hold a place.

        :raises RateLimited: all are taken, or all of this owner.
        """
        with self._lock:
            if self._taken.total() >= self.total or self._taken[owner] >= self.each:
                raise RateLimited(
                    f"Too many {self.what} at once.",
                    retry_after=RETRY_SECONDS,
                    hint=f"At most {self.each} of yours; wait for one to end, or try again.",
                )
            self._taken[owner] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[owner] -= 1
                self._taken += Counter()  # drops what is zero
