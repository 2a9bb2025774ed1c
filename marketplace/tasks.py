"""Celery tasks of marketplace: thin, named, safe to repeat.

Time limits hold only where a process works on a task; what waits for machines runs in threads, and its service ends it.
"""

from functools import partial
from smtplib import SMTPException
from typing import Final

from celery import shared_task

from core import clock
from marketplace import dispatch
from marketplace.services import (
    address_claims,
    checking,
    deliveries,
    heartbeat,
    notices,
    requests,
    retention,
    shares,
    sightings,
    silence,
)

SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {
    "sweep-nodes": ("marketplace.tasks.sweep_nodes", 5.0, "sweep"),
    "judge-silence": ("marketplace.tasks.judge_silence", 10.0, "metering"),
    "sweep-checks": ("marketplace.tasks.sweep_checks", 15.0, "sweep"),
    "drop-claims": ("marketplace.tasks.drop_claims", 600.0, "sweep"),
    "sweep-notices": ("marketplace.tasks.sweep_notices", 10.0, "sweep"),
    "answer-requests": ("marketplace.tasks.answer_requests", 60.0, "sweep"),
    "sweep-deliveries": ("marketplace.tasks.sweep_deliveries", 15.0, "sweep"),
    "forget-measurements": ("marketplace.tasks.forget_measurements", 3600.0, "metering"),
    "forget-deliveries": ("marketplace.tasks.forget_deliveries", 3600.0, "metering"),
}


@shared_task(soft_time_limit=30, time_limit=60)
def sweep_nodes(**_: object) -> None:
    """Ring a probe for each node that is due."""
    heartbeat.sweep(clock.now())


@shared_task
def probe_node(*, node_id: int, listed: bool = True, **_: object) -> None:
    """Look whether one node answers."""
    ring = partial(dispatch.probe_node, node_id, listed=listed)
    with shares.look(node_id=node_id, kind="heartbeat", ring=ring) as admitted:
        if admitted:
            heartbeat.probe(node_id=node_id, now=clock.now())


@shared_task(soft_time_limit=30, time_limit=60)
def judge_silence(**_: object) -> None:
    """Conclude what the nodes that do not answer mean."""
    silence.sweep(clock.now())


@shared_task(soft_time_limit=30, time_limit=60)
def sweep_checks(**_: object) -> None:
    """Start the checks that are due, and end those that nobody works on."""
    checking.sweep(clock.now())


@shared_task(soft_time_limit=30, time_limit=60)
def drop_claims(**_: object) -> None:
    """Take off what was added and never reached."""
    address_claims.drop_claims(clock.now())


@shared_task(acks_late=True)
def check_node(*, run_id: int, **_: object) -> None:
    """Go through one run's checks."""
    checking.run(run_id=run_id, now=clock.now())


@shared_task(soft_time_limit=30, time_limit=60)
def sweep_deliveries(**_: object) -> None:
    """Ring for what providers and renters are to be told and whose nudge was lost, or whose turn it is again."""
    deliveries.sweep(clock.now())


@shared_task
def look_at_host_key(*, node_id: int, **_: object) -> None:
    """Look at a host key that somebody waits to compare."""
    ring = partial(dispatch.look_at_host_key, node_id)
    with shares.look(node_id=node_id, kind="host key", ring=ring) as admitted:
        if admitted:
            sightings.look(node_id=node_id, now=clock.now())


@shared_task
def deliver_event(*, delivery_id: int, by_mail: bool = False, **_: object) -> None:
    """Try one delivery to a provider or a renter."""
    ring = partial(dispatch.deliver_event, delivery_id, by_mail=by_mail)
    with shares.delivery(delivery_id=delivery_id, ring=ring) as admitted:
        if admitted:
            deliveries.deliver(delivery_id=delivery_id, now=clock.now())


@shared_task(soft_time_limit=120, time_limit=150)
def forget_deliveries(**_: object) -> None:
    """Delete deliveries of more than a month ago."""
    deliveries.forget_old(clock.now())


@shared_task(soft_time_limit=120, time_limit=150)
def forget_measurements(**_: object) -> None:
    """Delete runs of checks and samples of more than three months ago."""
    retention.forget(clock.now())


@shared_task(soft_time_limit=30, time_limit=60)
def sweep_notices(**_: object) -> None:
    """Begin and end the maintenances and removals that are due."""
    notices.sweep(clock.now())


@shared_task(soft_time_limit=30, time_limit=60)
def answer_requests(**_: object) -> None:
    """Tell who waits for a machine that is there by now."""
    requests.sweep(clock.now())


@shared_task(
    acks_late=True,
    autoretry_for=(SMTPException, OSError),
    retry_backoff=30,
    max_retries=8,
)
def mail_answer(*, request_id: int, node_id: int, **_: object) -> None:
    """Mail one renter that a machine is there."""
    requests.mail_answer(request_id=request_id, node_id=node_id)
