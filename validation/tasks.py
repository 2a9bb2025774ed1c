"""Celery tasks of validation: thin, named, safe to repeat."""

from typing import Final

from celery import shared_task

from core import clock
from validation.services import bands, proving, rounds

SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {
    "sweep-proofs": ("validation.tasks.sweep_proofs", 5.0, "validate"),
    "publish-bands": ("validation.tasks.publish_bands", 600.0, "metering"),
}


@shared_task(soft_time_limit=30, time_limit=60)
def sweep_proofs(**_: object) -> None:
    """Begin the round that is due, follow GPUs that changed hands, and ring for what waits."""
    rounds.sweep(clock.now())


@shared_task(acks_late=True, soft_time_limit=1500, time_limit=1530)
def prove_node(*, proof_id: int, **_: object) -> None:
    """Try one proof; the long limit is the first pull of the prover's image."""
    proving.prove(proof_id=proof_id)


@shared_task(soft_time_limit=60, time_limit=90)
def publish_bands(**_: object) -> None:
    """Publish the bands that moved."""
    bands.publish(clock.now())
