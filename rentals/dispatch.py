"""Nudges to the worker, sent by name on commit; the rows are the queue (core.doorbell)."""

from typing import Final

from core.doorbell import ring
from rentals.models import Pod

# Steps of starts may wait half an hour for an image; looks at machines have workers of their own.
STEPS: Final = "provision"
LOOKS: Final = "probe"


def reconcile(pod: Pod) -> None:
    """Nudge the worker to take a pod as far as it goes."""
    ring("rentals.tasks.reconcile_pod", queue=STEPS, pod_id=str(pod.public_id))


def probe(*, node_id: int) -> None:
    """Nudge the worker to look at all running pods of a node."""
    ring("rentals.tasks.probe_pods", queue=LOOKS, node_id=node_id)


def prepare(*, node_id: int) -> None:
    """Nudge the worker to make a node ready for pods."""
    ring("rentals.tasks.prepare_node", queue=STEPS, node_id=node_id, expires=3600)


def tell(*, event_id: int) -> None:
    """Nudge the worker to mail what was announced about a pod's machine."""
    ring("rentals.tasks.mail_notice", queue="mail", expires=86_400, event_id=event_id)


def sample(*, node_id: int) -> None:
    """Nudge the worker to sample the pods of a node that somebody looks at."""
    ring("rentals.tasks.sample_node", queue=LOOKS, node_id=node_id, expires=5)
