"""Each owner's share of the threads that wait for others: what is slow holds up its owner's work, not everybody's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from core.turnstile import Turnstile
from marketplace.models import Node, WebhookDelivery

# Of a worker's sixteen threads; a provider with hundreds of machines that answer in time needs no more.
LOOKS_PER_PROVIDER: Final = 4
# Of sixteen too: a receiver that takes its ten seconds leaves its owner another.
DELIVERIES_PER_OWNER: Final = 2

_looks = Turnstile(width=LOOKS_PER_PROVIDER)
_deliveries = Turnstile(width=DELIVERIES_PER_OWNER)


@contextmanager
def look(*, node_id: int, kind: str, ring: Callable[[], None]) -> Iterator[bool]:
    """Say whether a look at a machine may begin here and now; else ``ring`` is called when its provider has room."""
    provider_id = Node.objects.values_list("provider", flat=True).get(pk=node_id)
    with _looks.turn(provider_id, (kind, node_id), ring) as admitted:
        yield admitted


@contextmanager
def delivery(*, delivery_id: int, ring: Callable[[], None]) -> Iterator[bool]:
    """Say whether a delivery may be tried here and now; else ``ring`` is called when its owner has room."""
    rows = WebhookDelivery.objects.filter(pk=delivery_id)
    owner = rows.values_list("webhook__provider", "webhook__workspace").first()
    with _deliveries.turn(owner, delivery_id, ring) as admitted:
        yield admitted
