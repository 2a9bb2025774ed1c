"""Celery tasks of marketplace: thin, named, safe to repeat."""

from typing import Final

from celery import shared_task

from core import clock
from marketplace.services import heartbeat

SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {
    "sweep-nodes": ("marketplace.tasks.sweep_nodes", 10.0, "validate"),
}


@shared_task(soft_time_limit=30, time_limit=60)
def sweep_nodes(**_: object) -> None:
    """Ring a probe for each node that is due."""
    heartbeat.sweep(clock.now())


@shared_task(soft_time_limit=60, time_limit=90)
def probe_node(*, node_id: int, **_: object) -> None:
    """Look whether one node answers."""
    heartbeat.probe(node_id=node_id, now=clock.now())
