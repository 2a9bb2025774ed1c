"""Fair shares of the threads that take pods further: what takes minutes leaves room for what takes seconds.

A pull and a preparation last up to half an hour. Meanwhile a stop, a removal and the start of an image that is there
find a thread all the same, and nobody's images keep everybody else's waiting.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Final

from core.turnstile import Turnstile
from marketplace.models import Node
from rentals import dispatch
from rentals.models import Pod

# Of the worker's sixteen threads.
LONG: Final = 8
LONG_PER_OWNER: Final = 2

_everyone = Turnstile(width=LONG)
_owners = Turnstile(width=LONG_PER_OWNER)


def pulling(pod: Pod) -> AbstractContextManager[bool]:
    """Say whether a pod's image may be pulled here and now; else the pod is rung for when there is room."""
    ring = partial(dispatch.reconcile, pod)
    return _turn(("renter", pod.workspace.owner_id), ("pod", pod.pk), ring)


def preparing(*, node_id: int) -> AbstractContextManager[bool]:
    """Say whether a node may be prepared here and now; else it is rung for when there is room."""
    provider_id = Node.objects.values_list("provider", flat=True).get(pk=node_id)
    ring = partial(dispatch.prepare, node_id=node_id)
    return _turn(("provider", provider_id), ("node", node_id), ring)


@contextmanager
def _turn(owner: Hashable, work: Hashable, ring: Callable[[], None]) -> Iterator[bool]:
    gates = ((_owners, owner), (_everyone, "everyone"))
    with ExitStack() as passed:
        yield all(passed.enter_context(gate.turn(whose, work, ring)) for gate, whose in gates)
