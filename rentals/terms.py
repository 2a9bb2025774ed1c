"""How long things may take: deadlines, intervals and patience of the pod's life."""

from datetime import timedelta
from typing import Final

from django.conf import settings

from core import leases
from rentals.models import Phase

PHASE_DEADLINES: Final = {
    Phase.RESERVED: timedelta(seconds=60),
    Phase.CONNECTING: timedelta(seconds=60),
    Phase.IMAGE: timedelta(minutes=30),
    Phase.CONTAINER: timedelta(seconds=120),
    Phase.SSH: timedelta(seconds=90),
}
REBOOT_DEADLINE: Final = timedelta(minutes=5)
START_DEADLINE: Final = timedelta(minutes=5)

LEASE: Final = leases.LEASE
# A worker gives way after this; the sweep goes on with the pod.
WORK_SECONDS: Final = 60.0
# A start that waits for its turn to pull is looked at this often, should nobody ring for it.
TURN_INTERVAL: Final = timedelta(seconds=30)
BANNER_SECONDS: Final = 5.0
PROBE_BANNER_SECONDS: Final = 3.0
CONNECT_SECONDS: Final = 10.0
# For all that a look at a node's pods asks of its engine.
PROBE_SECONDS: Final = 30.0
# For all of a machine's preparation, two images' copies included.
PREPARATION_SECONDS: Final = 900.0

PROBE_INTERVAL: Final = timedelta(seconds=settings.MARKET_PROBE_SECONDS)
DOUBT_INTERVAL: Final = timedelta(seconds=settings.MARKET_DOUBT_SECONDS)
SILENT_LOOKS: Final = 3
# GPUs of a running pod are counted again this often.
RECOUNT_INTERVAL: Final = timedelta(hours=1)
IDLE_NODE_INTERVAL: Final = timedelta(minutes=5)
LONGEST_BACKOFF: Final = timedelta(minutes=1)
FAR: Final = timedelta(days=1)


def backoff(attempt: int) -> timedelta:
    """Give the wait before the next try: 1, 2, 4 ... seconds, a minute at most."""
    return min(timedelta(seconds=2 ** min(attempt, 10)), LONGEST_BACKOFF)
