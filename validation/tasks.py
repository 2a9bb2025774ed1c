"""Celery tasks of validation: thin, named, safe to repeat.

Time limits hold only where a process works on a task; what waits for machines runs in threads, and its service ends it.
"""

from typing import Final

import structlog
from celery import shared_task

from core import clock
from core.errors import NotFound, Unavailable
from validation.services import bands, crew, metagraph, rounds, weighing

log = structlog.get_logger(__name__)
SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {
    "sweep-proofs": ("validation.tasks.sweep_proofs", 5.0, "sweep"),
    "publish-bands": ("validation.tasks.publish_bands", 600.0, "metering"),
    "set-weights": ("validation.tasks.set_weights", 60.0, "chain"),
    "sync-metagraph": ("validation.tasks.sync_metagraph", 300.0, "chain"),
}


@shared_task(soft_time_limit=30, time_limit=60)
def sweep_proofs(**_: object) -> None:
    """Begin the round that is due, follow GPUs that changed hands, and ring for what waits."""
    rounds.sweep(clock.now())


@shared_task
def prove_node(*, proof_id: int, **_: object) -> None:
    """Have one proof tried; the queue goes on meanwhile."""
    crew.take(proof_id)


@shared_task(soft_time_limit=60, time_limit=90)
def publish_bands(**_: object) -> None:
    """Publish the bands that moved."""
    bands.publish(clock.now())


@shared_task
def set_weights(**_: object) -> None:
    """Weigh once a tempo, and set the weights on chain."""
    try:
        weighing.weigh_if_due(now=clock.now())
    except (Unavailable, NotFound) as error:
        log.warning("weights.not_weighed", error=error.message)


@shared_task
def sync_metagraph(**_: object) -> None:
    """Read the subnet's places and demands anew."""
    try:
        metagraph.sync(now=clock.now())
    except (Unavailable, NotFound) as error:
        log.warning("metagraph.not_read", error=error.message)
