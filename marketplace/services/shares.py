"""Each provider's share of the threads that look at machines: a slow machine holds up its owner's, not everybody's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from core.turnstile import Turnstile
from marketplace.models import Node

# Of a worker's sixteen threads; a provider with hundreds of machines that answer in time needs no more.
LOOKS_PER_PROVIDER: Final = 4

_looks = Turnstile(width=LOOKS_PER_PROVIDER)


@contextmanager
def look(*, node_id: int, kind: str, ring: Callable[[], None]) -> Iterator[bool]:
    """Say whether a look at a machine may begin here and now; else ``ring`` is called when its provider has room."""
    provider_id = Node.objects.values_list("provider", flat=True).get(pk=node_id)
    with _looks.turn(provider_id, (kind, node_id), ring) as admitted:
        yield admitted
