"""Who works on a run of checks, and when: under a lease, in its provider's turn, and not again and again.

The database is the queue. What a dead worker left is taken up again as soon as its lease has run out; a run that a few
workers did not survive is broken off, which is no failure of the machine.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from core import leases
from core.clock import Clock
from marketplace import dispatch
from marketplace.models import CheckResult, CheckRun, CheckStatus, Node, Outcome

log = structlog.get_logger(__name__)
# Of one provider's runs so many are worked on at once: slow machines hold up nobody but their owner.
PER_PROVIDER: Final = 2
MOST_ATTEMPTS: Final = 3
RING_AGAIN_AFTER: Final = timedelta(seconds=15)
WAY_THERE: Final = ("contact", "key")


class RunLost(Exception):
    """The run was ended, or goes on with another worker: nothing more of ours counts."""


@contextmanager
def taken(run_id: int, *, now: Clock) -> Iterator[UUID | None]:
    """Hold an open run for the block, or give None when it is over or somebody else's."""
    with leases.held(CheckRun.objects.filter(finished_at=None), pk=run_id, now=now) as token:
        yield token if token and _take_up(run_id, token, now=now()) else None


def has_turn(run_id: int) -> bool:
    """Say whether few enough of its provider's runs came before."""
    return _in_turn().filter(pk=run_id).exists()


def ring_next(*, provider_id: int) -> None:
    """Nudge workers for those of a provider's runs whose turn it is."""
    waiting = _in_turn().filter(node__provider=provider_id, lease_token=None)
    with transaction.atomic():
        for run_id in waiting.values_list("pk", flat=True):
            dispatch.check_node(run_id)


def sweep(now: datetime) -> int:
    """Ring again for what nobody works on; give how many."""
    waiting = _in_turn().filter(leases.free(now), started_at__lt=now - RING_AGAIN_AFTER)
    with transaction.atomic():
        found = list(waiting.values_list("pk", flat=True))
        for run_id in found:
            dispatch.check_node(run_id)
    return len(found)


def mine(result: CheckResult, token: UUID) -> QuerySet[CheckResult]:
    """Give a result's row as long as the run is held with this token, to update it."""
    return CheckResult.objects.filter(pk=result.pk, run__lease_token=token)


def break_off(run: CheckRun, *, now: datetime) -> None:
    """End a run that nobody can finish; the caller holds its node's row lock."""
    run.results.filter(status__in=[CheckStatus.PENDING, CheckStatus.RUNNING]).update(
        status=CheckStatus.UNKNOWN, measured="The run was broken off on our side."
    )
    run.finished_at, run.outcome, run.lease_token = now, Outcome.BROKEN_OFF, None
    run.save(update_fields=["finished_at", "outcome", "lease_token"])
    delay = timedelta(seconds=random.uniform(60, 180))  # noqa: S311  # jitter
    Node.objects.filter(pk=run.node_id).update(next_checks_at=now + delay)
    log.warning("checks.broken_off", run=run.pk, node=run.node_id)


def _in_turn() -> QuerySet[CheckRun]:
    place = Window(RowNumber(), partition_by="node__provider", order_by="pk")
    ranked = CheckRun.objects.filter(finished_at=None).annotate(place=place)
    # Ranked in a query of its own: what is filtered further on must not change a place.
    return CheckRun.objects.filter(pk__in=ranked.filter(place__lte=PER_PROVIDER).values("pk"))


def _take_up(run_id: int, token: UUID, *, now: datetime) -> bool:
    with transaction.atomic():
        node_id = CheckRun.objects.values_list("node", flat=True).get(pk=run_id)
        Node.objects.select_for_update(no_key=True).get(pk=node_id)
        held = CheckRun.objects.filter(pk=run_id, lease_token=token, finished_at=None)
        if not held.update(attempt=F("attempt") + 1):
            return False
        run = held.get()
        if run.attempt > MOST_ATTEMPTS:
            break_off(run, now=now)
            return False
        if run.attempt > 1:
            # What another worker was told on its connection, we have not heard.
            undecided = Q(status=CheckStatus.RUNNING) | Q(check_id__in=WAY_THERE)
            run.results.filter(undecided).update(status=CheckStatus.PENDING, seconds=None)
        first = run.results.filter(status=CheckStatus.PENDING).order_by("position")[:1]
        run.results.filter(pk__in=first.values("pk")).update(
            status=CheckStatus.RUNNING, started_at=now
        )
    return True
