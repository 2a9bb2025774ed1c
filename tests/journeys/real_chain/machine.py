"""The journey's real pod: a container on a machine with an engine of its own, reached over SSH as any other.

The machine is put on the market by hand: its GPUs are simulated, and the checks of a market on a real chain take none.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from accounts.access import principal_of
from accounts.models import User
from core import clock
from lium_site.stack.paths import ROOT
from marketplace.models import Node
from rentals.models import Pod, PodStatus
from rentals.services import lifecycle, probing, provisioning, renting
from tests.factories.payouts import proven
from tests.factories.rentals import GPU_COUNT, prepare, put_prepared_on_market, rent_request
from tests.machines import engine_machine

TURNS = 20
# What runs for a minute should be worth a payout.
USD_PER_GPU_HOUR = Decimal(25)


@contextmanager
def on_the_market(folder: Path) -> Iterator[Node]:
    """Run a machine that can be rented, whose provider can be paid."""
    cache = Path(os.environ.get("MARKET_RUNTIME_CACHE") or ROOT / ".market" / "runtime")
    with engine_machine(folder) as machine:
        node = put_prepared_on_market(machine, prepare(machine, cache))
        proven(node.provider, "//provider/machine")
        node.price_per_gpu_usd = USD_PER_GPU_HOUR
        node.save(update_fields=["price_per_gpu_usd"])
        yield node


def rent(user: User, node: Node) -> Pod:
    """Rent all GPUs of the machine and bring the container up.

    :raises InsufficientBalance: as for any other renter.
    """
    request = rent_request(node, gpu_count=GPU_COUNT)
    pod = renting.rent(principal=principal_of(user), request=request, now=clock.now())
    return _brought(pod, PodStatus.RUNNING)


def probe(pod: Pod) -> None:
    """Look at the machine once, which proves that the pod is there."""
    probing.probe(node_id=pod.node_id)


def remove(pod: Pod) -> Pod:
    """Have its renter end it."""
    lifecycle.remove(principal=principal_of(pod.user), pod_id=pod.public_id, now=clock.now())
    return _brought(pod, PodStatus.REMOVED)


def _brought(pod: Pod, status: PodStatus) -> Pod:
    for _ in range(TURNS):
        provisioning.reconcile(pod_id=pod.public_id)
        pod.refresh_from_db()
        if pod.status == status:
            return pod
        # A machine that could not be reached is asked again a little later, as the sweep does.
        time.sleep(1)
    raise AssertionError(f"{pod} is {pod.status}, not {status}: {pod.last_error}")
