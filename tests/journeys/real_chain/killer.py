"""Ends workers with -9 at moments that a seed decides, and starts them again at once."""

import time
from random import Random

from tests.journeys.real_chain.workers import Workers

# In one stage of a round: more, and no stage would ever come to its end.
MOST_AT_ONCE = 3


class Killer:
    """What may still be done to the workers; ``window`` is how long after taking up its work one may be hit.

    While that is not known nobody is.
    """

    def __init__(self, staff: Workers, *, rng: Random, kills: int) -> None:
        self._staff, self._rng, self._wanted = staff, rng, kills
        self.made, self.window = 0, 0.0

    @property
    def is_done(self) -> bool:
        """Whether every kill was made."""
        return self.made >= self._wanted

    def quota(self) -> int:
        """Draw how often the next stage is disturbed."""
        if not self.window:
            return 0
        return min(self._rng.randint(0, MOST_AT_ONCE), self._wanted - self.made)

    def strike(self, names: list[str], *, when: str) -> None:
        """Wait until one of these workers has taken its work, then a random time, and end it."""
        name = self._rng.choice(names)
        # Most tasks are over long before the longest.
        after = self.window * self._rng.random() ** 2
        self._staff.await_taken(name)
        time.sleep(after)
        at = self._staff.kill(name)
        self._staff.start(name)
        self.made += 1
        doing = ", ".join(sorted(set(at))) or "idle"
        print(f"kill {self.made}, {when}: {name}, after {after:.3f} s, {doing}", flush=True)
