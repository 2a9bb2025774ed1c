"""How long a proof may take, and how often it is tried: the deadlines of each phase, in seconds."""

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
