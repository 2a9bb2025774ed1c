"""Going through a machine's checks: what a run tries, in order, and what comes of it.

Each result is written as it comes, so that a page shows how far it is. A run that nobody works on any more is broken
off, which is no failure of the machine. The database decides who works on a run; a message is only a nudge.
"""

import random
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Max, Q, QuerySet

from core.errors import Conflict, NotFound
from marketplace import dispatch
from marketplace.checks import BY_ID, CHECKS
from marketplace.models import (
    CheckResult,
    CheckRun,
    CheckStatus,
    Node,
    NodeStatus,
    Outcome,
    Trigger,
)
from marketplace.services import check_outcomes, check_visits, outage

log = structlog.get_logger(__name__)
# Longer than any check takes; the preparation copies an image.
GIVEN_UP_AFTER: Final = timedelta(minutes=26)
RING_AGAIN_AFTER: Final = timedelta(seconds=30)
BATCH: Final = 50
# Every machine that answers at all does so twice within this time.
ANSWERED_OF_LATE: Final = timedelta(minutes=1)
NOT_WHILE: Final = (NodeStatus.RECLAIMING, NodeStatus.OFFLINE)


def start(*, node_id: int, trigger: Trigger, now: datetime) -> CheckRun:
    """Have a machine checked; the run that is under way, if there is one.

    :raises Conflict: its host key was neither confirmed nor may be trusted at first contact.
    """
    with transaction.atomic():
        node = _lock(node_id)
        if not node.host_key and node.listing_wanted_at is None:
            raise Conflict("Its host key was not confirmed.", hint="Compare and confirm it first.")
        run = _under_way(node, now=now) or _new_run(node, trigger, now=now)
        dispatch.check_node(run.pk)
    return run


def run_now(*, node_id: int, trigger: Trigger, now: datetime) -> CheckRun:
    """Check a machine here and now, whatever was under way; give the finished run."""
    with transaction.atomic():
        node = _lock(node_id)
        if (left := CheckRun.objects.filter(node=node, finished_at=None).first()) is not None:
            _break_off(left, now=now)
        course = _new_run(node, trigger, now=now)
    run(run_id=course.pk, now=now)
    course.refresh_from_db()
    return course


def run_one(*, node_id: int, check_id: str, now: datetime) -> CheckRun:
    """Have one check tried again, with those that were waiting for it; the others keep their results.

    :raises NotFound: there is no such check.
    """
    if check_id not in BY_ID:
        raise NotFound(
            f"There is no check {check_id[:40]!r}.", hint="The machine's page lists them."
        )
    with transaction.atomic():
        node = _lock(node_id)
        run = CheckRun.objects.filter(node=node).order_by("-id").first()
        if run is not None and run.finished_at is not None:
            _reopen(run, check_id, now=now)
            check_outcomes.begin(node, now=now)
    return start(node_id=node_id, trigger=Trigger.PROVIDER, now=now)


def run(*, run_id: int, now: datetime) -> None:
    """Try what is pending of a run, and draw the consequences; harmless when somebody else does."""
    if not _claim(run_id, now=now):
        return
    course = CheckRun.objects.select_related("node__provider", "node__gpu_model").get(pk=run_id)
    visited = check_visits.visit(course, now=now)
    check_outcomes.finish(run_id=run_id, visited=visited, now=visited.moment())


def sweep(now: datetime) -> int:
    """Start what is due, ring again for what nobody took, and end what nobody works on; give how many began."""
    for course in CheckRun.objects.filter(finished_at=None, started_at__lt=now - RING_AGAIN_AFTER):
        _look_after(course, now=now)
    ids = list(_due(now).order_by("next_checks_at").values_list("pk", flat=True)[:BATCH])
    for node_id in ids:
        start(node_id=node_id, trigger=Trigger.SCHEDULE, now=now)
    return len(ids)


def _due(now: datetime) -> QuerySet[Node]:
    due = Node.objects.filter(delisted_at=None, next_checks_at__lte=now)
    wanted = due.exclude(status__in=NOT_WHILE).filter(
        ~Q(host_key="") | Q(listing_wanted_at__isnull=False)
    )
    if outage.declared():
        # Whoever is not reached now would be blamed for our own network: those that answer go on.
        return wanted.filter(missing_since=None, last_seen_at__gt=now - ANSWERED_OF_LATE)
    return wanted


def _lock(node_id: int) -> Node:
    return Node.objects.select_for_update(no_key=True).get(pk=node_id)


def _new_run(node: Node, trigger: Trigger, *, now: datetime) -> CheckRun:
    run = CheckRun.objects.create(node=node, trigger=trigger, started_at=now)
    CheckResult.objects.bulk_create(
        CheckResult(run=run, position=position, check_id=check.id, why=check.why)
        for position, check in enumerate(CHECKS)
    )
    check_outcomes.begin(node, now=now)
    return run


def _under_way(node: Node, *, now: datetime) -> CheckRun | None:
    run = CheckRun.objects.filter(node=node, finished_at=None).first()
    if run is not None and _given_up(run, now=now):
        _break_off(run, now=now)
        return None
    return run


def _reopen(run: CheckRun, check_id: str, *, now: datetime) -> None:
    """Put one check, its way there, and what waited for it back to pending."""
    again = Q(check_id__in=[check_id, "contact", "key"]) | ~Q(status=CheckStatus.PASSED)
    run.results.filter(again).update(
        status=CheckStatus.PENDING,
        started_at=None,
        seconds=None,
        **dict.fromkeys(("code", "measured", "required", "fix", "fix_command"), ""),
    )
    run.started_at, run.finished_at, run.outcome = now, None, ""
    run.save(update_fields=["started_at", "finished_at", "outcome"])


def _claim(run_id: int, *, now: datetime) -> bool:
    with transaction.atomic():
        run = CheckRun.objects.select_for_update(no_key=True).filter(pk=run_id).first()
        if run is None or run.finished_at is not None:
            return False
        if run.results.filter(started_at__isnull=False, status=CheckStatus.RUNNING).exists():
            return False
        first = run.results.filter(status=CheckStatus.PENDING).order_by("position").first()
        if first is not None:
            first.status, first.started_at = CheckStatus.RUNNING, now
            first.save(update_fields=["status", "started_at"])
    return True


def _look_after(run: CheckRun, *, now: datetime) -> None:
    if _given_up(run, now=now):
        with transaction.atomic():
            _break_off(run, now=now)
    elif not run.results.filter(status=CheckStatus.RUNNING).exists():
        with transaction.atomic():
            dispatch.check_node(run.pk)


def _given_up(run: CheckRun, *, now: datetime) -> bool:
    latest = run.results.aggregate(at=Max("started_at"))["at"] or run.started_at
    return bool(now - latest > GIVEN_UP_AFTER)


def _break_off(run: CheckRun, *, now: datetime) -> None:
    run.results.filter(status__in=[CheckStatus.PENDING, CheckStatus.RUNNING]).update(
        status=CheckStatus.UNKNOWN, measured="The run was broken off on our side."
    )
    run.finished_at, run.outcome = now, Outcome.BROKEN_OFF
    run.save(update_fields=["finished_at", "outcome"])
    delay = timedelta(seconds=random.uniform(60, 180))  # noqa: S311  # jitter
    Node.objects.filter(pk=run.node_id).update(next_checks_at=now + delay)
    log.warning("checks.broken_off", run=run.pk, node=run.node_id)
