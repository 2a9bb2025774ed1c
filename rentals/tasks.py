"""Celery tasks of rentals: thin, named, safe to repeat.

Time limits hold only where a process works on a task; what waits for machines runs in threads, and its service ends it.
"""

from functools import partial
from smtplib import SMTPException
from typing import Final
from uuid import UUID

from celery import shared_task
from django.conf import settings

from core import clock
from marketplace.services import shares
from rentals import dispatch, idempotency
from rentals.services import (
    announcements,
    budget_enforcement,
    ladder,
    metering,
    metrics,
    notice_mail,
    paid_use,
    preparation,
    probing,
    provisioning,
    quoting,
    sweeping,
    turns,
    usage_facts,
)

# Seconds between rings; the roof gives them to beat.
SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {
    "rentals.sweep": ("rentals.tasks.sweep", 2.0, "sweep"),
    "rentals.watched": ("rentals.tasks.sample_watched", 5.0, "sweep"),
    "rentals.meter": ("rentals.tasks.tick_meters", settings.MARKET_METERING_SECONDS, "metering"),
    "rentals.ladder": ("rentals.tasks.walk_ladder", 30.0, "metering"),
    "rentals.budgets": ("rentals.tasks.enforce_budgets", 60.0, "metering"),
    "rentals.announcements": ("rentals.tasks.sweep_announcements", 10.0, "metering"),
    "rentals.usage": ("rentals.tasks.record_usage", 600.0, "metering"),
    "rentals.forget": ("rentals.tasks.forget", 3600.0, "metering"),
}


@shared_task(acks_late=True)
def reconcile_pod(*, pod_id: str, **_: object) -> None:
    """Take one pod as far as it goes now."""
    provisioning.reconcile(pod_id=UUID(pod_id))


@shared_task(acks_late=True)
def probe_pods(*, node_id: int, **_: object) -> None:
    """Look at all running pods of one node."""
    ring = partial(dispatch.probe, node_id=node_id)
    with shares.look(node_id=node_id, kind="pods", ring=ring) as admitted:
        if admitted:
            probing.probe(node_id=node_id)


@shared_task(acks_late=True)
def prepare_node(*, node_id: int, **_: object) -> None:
    """Make one node ready for pods."""
    with turns.preparing(node_id=node_id) as has_turn:
        if has_turn:
            preparation.prepare(node_id=node_id)


@shared_task(acks_late=True, soft_time_limit=30, time_limit=45)
def sweep(**_: object) -> None:
    """Ring for everything that is due."""
    sweeping.sweep(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=30, time_limit=45)
def sample_watched(**_: object) -> None:
    """Ring for the nodes whose pods somebody looks at."""
    metrics.ring_watched()


@shared_task(acks_late=True)
def sample_node(*, node_id: int, **_: object) -> None:
    """Sample the running pods of one node."""
    ring = partial(dispatch.sample, node_id=node_id)
    with shares.look(node_id=node_id, kind="samples", ring=ring) as admitted:
        if admitted:
            metrics.sample(node_id=node_id)


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def tick_meters(**_: object) -> None:
    """Charge all proven ready time."""
    metering.tick(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def walk_ladder(**_: object) -> None:
    """Warn, stop and end the pods of workspaces whose balance runs out."""
    ladder.walk(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def record_usage(**_: object) -> None:
    """Record for the market what pods used, and count what of it was paid."""
    usage_facts.record_open()
    while paid_use.count() == paid_use.AT_ONCE:
        pass


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def forget(**_: object) -> None:
    """Drop what nobody can ask for any more: old answers, and prices that nobody took."""
    now = clock.now()
    idempotency.forget(now)
    quoting.forget(now=now)


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def enforce_budgets(**_: object) -> None:
    """Remove the pods of keys whose budget is spent."""
    budget_enforcement.enforce(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def sweep_announcements(**_: object) -> None:
    """Tell renters what providers announced, and end the pods of machines that leave."""
    announcements.sweep(now=clock.now())


@shared_task(
    acks_late=True,
    autoretry_for=(SMTPException, OSError),
    retry_backoff=30,
    max_retries=8,
)
def mail_notice(*, event_id: int, **_: object) -> None:
    """Mail one renter what was announced."""
    notice_mail.send(event_id=event_id)
