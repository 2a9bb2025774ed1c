"""Going through a machine's checks: what a run tries, in order, and what comes of it.

Each result is written as it comes, so that a page shows how far it is. Who works on a run, and when, is decided by
`marketplace.services.check_turns`; a message is only a nudge.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from core.errors import Conflict, NotFound
from marketplace import dispatch, limits
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
from marketplace.services import check_outcomes, check_turns, check_visits, outage
from marketplace.services.check_visits import Visited

log = structlog.get_logger(__name__)
BATCH: Final = 50
# Every machine that answers at all does so twice within this time.
ANSWERED_OF_LATE: Final = timedelta(minutes=1)
BY_ITS_PROVIDER: Final = (Trigger.WIZARD, Trigger.PROVIDER)
# The way there, and the last step, which puts what was found on the books.
ALWAYS: Final = (*check_turns.WAY_THERE, "preparation")
COPIED: Final = ("check_id", "status", "code", "measured", "required", "why", "fix", "fix_command", "started_at")  # fmt: skip
NOTHING: Final[Mapping[str, CheckResult]] = MappingProxyType({})
NOT_WHILE: Final = (NodeStatus.RECLAIMING, NodeStatus.OFFLINE)


def start(*, node_id: int, trigger: Trigger, now: datetime) -> CheckRun:
    """Have a machine checked; the run that is under way, if there is one.

    :raises Conflict: its host key was neither confirmed nor may be trusted at first contact.
    :raises RateLimited: its provider has it checked too often.
    """
    if trigger in BY_ITS_PROVIDER:
        limits.checking(Node.objects.select_related("provider").get(pk=node_id))
    return _begin(node_id, trigger, now=now)


def _begin(node_id: int, trigger: Trigger, *, now: datetime, again: str = "") -> CheckRun:
    with transaction.atomic():
        node = _lock(node_id)
        if not node.host_key and node.listing_wanted_at is None:
            raise Conflict("Its host key was not confirmed.", hint="Compare and confirm it first.")
        run = _under_way(node)
        if run is None:
            kept = _kept(node, again, now=now) if again else {}
            run = _new_run(node, trigger, now=now, kept=kept)
        dispatch.check_node(run.pk)
    return run


def run_now(*, node_id: int, trigger: Trigger, now: datetime) -> CheckRun:
    """Check a machine here and now, whatever was under way; give the finished run."""
    with transaction.atomic():
        node = _lock(node_id)
        if (left := _under_way(node)) is not None:
            check_turns.break_off(left, now=now)
        course = _new_run(node, trigger, now=now)
    _work(course.pk, now=now)
    course.refresh_from_db()
    return course


def run_one(*, node_id: int, check_id: str, now: datetime) -> CheckRun:
    """Have one check tried again, with what rests on it, in a run that keeps what else passed of late.

    :raises NotFound: there is no such check. :raises RateLimited: its provider has it checked too often.
    """
    if check_id not in BY_ID:
        raise NotFound(
            f"There is no check {check_id[:40]!r}.", hint="The machine's page lists them."
        )
    limits.checking(Node.objects.select_related("provider").get(pk=node_id))
    return _begin(node_id, Trigger.PROVIDER, now=now, again=check_id)


def run(*, run_id: int, now: datetime) -> None:
    """Try what is pending of a run, and draw the consequences; harmless when somebody else does."""
    if check_turns.has_turn(run_id):
        _work(run_id, now=now)


def sweep(now: datetime) -> int:
    """Start what is due, and ring again for what nobody works on; give how many began."""
    check_turns.sweep(now)
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


def _work(run_id: int, *, now: datetime) -> None:
    visited = Visited(now=now)
    with check_turns.taken(run_id, now=visited.moment) as token:
        if token is None:
            return
        course = CheckRun.objects.select_related("node__provider", "node__gpu_model").get(pk=run_id)
        try:
            check_visits.visit(course, visited, token=token)
            check_outcomes.finish(run_id=run_id, token=token, visited=visited, now=visited.moment())
        except check_turns.RunLost:
            log.warning("checks.run_lost", run=run_id)
            return
    check_turns.ring_next(provider_id=course.node.provider_id)


def _lock(node_id: int) -> Node:
    return Node.objects.select_for_update(no_key=True).get(pk=node_id)


def _new_run(
    node: Node, trigger: Trigger, *, now: datetime, kept: Mapping[str, CheckResult] = NOTHING
) -> CheckRun:
    run = CheckRun.objects.create(node=node, trigger=trigger, started_at=now)
    CheckResult.objects.bulk_create(
        _copy(kept[check.id], run, position)
        if check.id in kept
        else CheckResult(run=run, position=position, check_id=check.id, why=check.why)
        for position, check in enumerate(CHECKS)
    )
    check_outcomes.begin(node, now=now)
    return run


def _kept(node: Node, again: str, *, now: datetime) -> dict[str, CheckResult]:
    """Choose what need not be tried again beside one check: what passed in the last run, and not too long ago."""
    last = CheckRun.objects.filter(node=node).order_by("-id").first()
    resting = {check.id for check in CHECKS if again in check.needs}
    results = CheckResult.objects.filter(run=last, status=CheckStatus.PASSED)
    fresh = results.filter(started_at__gt=now - check_outcomes.NEXT_CHECKS[Outcome.PASSED])
    return {
        result.check_id: result for result in fresh.exclude(check_id__in={again, *ALWAYS, *resting})
    }


def _copy(result: CheckResult, run: CheckRun, position: int) -> CheckResult:
    """Give a result to a later run; it keeps the moment at which it was tried, and counts as no second timing."""
    copied = {name: getattr(result, name) for name in COPIED}
    return CheckResult(run=run, position=position, **copied)


def _under_way(node: Node) -> CheckRun | None:
    return CheckRun.objects.filter(node=node, finished_at=None).first()
