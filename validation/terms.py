"""How long a proof may take, and how often it is tried: the deadlines of each phase, in seconds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from validation.challenge.session import Patience

CONNECT_SECONDS: Final = 10.0
DELIVER_SECONDS: Final = 60.0
# The image of the prover is pulled once, outside of every timer.
PULL_SECONDS: Final = 900.0
# Compiling the kernels and making contexts of eight cards takes a minute at most.
REAL: Final = Patience(ready=300.0, fill=120.0, sweep=60.0, open=60.0)
SIMULATED: Final = Patience(ready=60.0, fill=60.0, sweep=60.0, open=60.0)
# What the machine ends by itself, should we be gone.
LONGEST_SECONDS: Final = 900
AGAIN_AFTER: Final = timedelta(seconds=30)
MOST_WAIT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Sittings:
    """When a round's blocks come: what machines have to get ready, and how long after the first the second one comes.

    ``quiet`` is how long before it no proof of one machine alone begins, so that none is busy then.
    """

    lead: timedelta
    apart: timedelta
    quiet: timedelta


# Kernels are compiled and contexts of eight cards made within the lead; all phases of a sitting end before the next.
ROUND: Final = Sittings(
    lead=timedelta(minutes=2), apart=timedelta(minutes=8), quiet=timedelta(minutes=5)
)
SIMULATED_ROUND: Final = Sittings(
    lead=timedelta(seconds=20), apart=timedelta(seconds=60), quiet=timedelta(seconds=30)
)
# A round is two sittings, and a proof of it two tries.
TRIES_IN_A_ROUND: Final = 2


def sittings(*, simulated: bool) -> Sittings:
    """Give the times of a round of simulated cards, or of real ones."""
    return SIMULATED_ROUND if simulated else ROUND
