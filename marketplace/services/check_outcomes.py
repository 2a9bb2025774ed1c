"""What checks mean for a node: where it stands during a run, and what it is on the books with after it."""

import random
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from core.actors import PLATFORM
from marketplace.checks import BY_ID, Evidence
from marketplace.models import (
    CheckResult,
    CheckRun,
    CheckStatus,
    Node,
    NodeStatus,
    Outcome,
    Trigger,
)
from marketplace.services import address_claims, findings, gpu_proofs, listing, outage, outcomes
from marketplace.services.check_turns import WAY_THERE, RunLost
from marketplace.services.hardware import hardware_of
from marketplace.transitions import Reason, move

log = structlog.get_logger(__name__)
NEXT_CHECKS: Final = {
    Outcome.PASSED: timedelta(hours=6),
    Outcome.FAILED: timedelta(minutes=30),
    Outcome.INCOMPLETE: timedelta(minutes=5),
}
# So many runs must have been tried in vain before a listing expires: one may have met a bad minute.
TRIED_IN_VAIN: Final = 3
IN_VAIN: Final = (Outcome.FAILED, Outcome.INCOMPLETE)
# A machine that was not reached may be one that its provider is still setting up, or a stranger's who wants none of us:
# the wait doubles from try to try, and ends with the tries.
NOT_REACHED_AGAIN: Final = timedelta(minutes=1)
NOT_REACHED_SLOWEST: Final = timedelta(hours=6)
NOT_REACHED_GIVEN_UP: Final = timedelta(days=7)


class Visited(Protocol):
    """What a visit found."""

    evidence: Evidence | None


def begin(node: Node, *, now: datetime) -> None:
    """Show that a machine is being checked; the caller holds the row lock."""
    node.next_checks_at = now + NEXT_CHECKS[Outcome.PASSED]
    node.save(update_fields=["next_checks_at", "updated_at"])
    if node.status == NodeStatus.VALIDATION_FAILED:
        _to(node, NodeStatus.VALIDATION_PENDING, Reason.CHECKS_WANTED, "Being checked.", now=now)


def reached(*, node_id: int, now: datetime) -> bool:
    """Show that a machine let us in; False where another entry of the market is this machine."""
    with transaction.atomic():
        node = _lock(node_id)
        if not address_claims.prove(node, now=now):
            return False
        node.last_seen_at, node.missed_probes, node.missing_since = now, 0, None
        node.save(update_fields=["last_seen_at", "missed_probes", "missing_since", "updated_at"])
        if node.status == NodeStatus.NOT_DETECTED:
            detail = "Reached over its pinned host key; its checks are under way."
            _to(node, NodeStatus.VALIDATION_PENDING, Reason.ENROLLED, detail, now=now)
    return True


def write_findings(*, node_id: int, evidence: Evidence, now: datetime) -> bool:
    """Put what was found on the books; False while it is not what can be rented."""
    if evidence.found is None:
        return False
    try:
        with transaction.atomic():
            node = _lock(node_id)
            gone = node.delisted_at is not None
            hardware = None if gone else hardware_of(node, evidence.found)
            if hardware is not None:
                findings.write(node, evidence.found, hardware, now=now)
                outcomes.carry_over(node)
    except IntegrityError as error:
        # Another run was faster with the same GPUs; the next one finds them there and says so.
        log.warning("checks.not_written", node=node_id, error=str(error))
        return False
    return hardware is not None


def finish(*, run_id: int, token: UUID, visited: Visited, now: datetime) -> Outcome:
    """End a run: say how it went, where the node stands, and when it is checked next.

    :raises RunLost: it is not held with this token any more.
    """
    with transaction.atomic():
        node = _lock(CheckRun.objects.values_list("node", flat=True).get(pk=run_id))
        open_run = CheckRun.objects.filter(pk=run_id, lease_token=token, finished_at=None)
        run = open_run.select_for_update(no_key=True).first()
        if run is None:
            raise RunLost
        results = list(run.results.order_by("position"))
        outcome = _outcome(results)
        run.finished_at, run.outcome = now, outcome
        run.save(update_fields=["finished_at", "outcome"])
        if evidence := visited.evidence:
            failed = any(
                result.check_id == "speed" and result.status == CheckStatus.UNKNOWN
                for result in results
            )
            findings.write_network(
                node, speed=evidence.speed, speed_failed=failed, ports=evidence.ports, now=now
            )
        _move(node, results, outcome, now=now)
    log.info("checks.finished", node=str(node.public_id), outcome=outcome)
    return outcome


def _outcome(results: list[CheckResult]) -> Outcome:
    blocking = [result for result in results if BY_ID[result.check_id].blocks]
    if any(result.status == CheckStatus.FAILED for result in blocking):
        return Outcome.FAILED
    if any(result.status not in (CheckStatus.PASSED, CheckStatus.SKIPPED) for result in blocking):
        return Outcome.INCOMPLETE
    return Outcome.PASSED


def _move(node: Node, results: list[CheckResult], outcome: Outcome, *, now: datetime) -> None:
    wrong = [result for result in results if result.status == CheckStatus.FAILED]
    not_reached = any(result.check_id in WAY_THERE for result in wrong)
    delay = _until_next_try(node, now=now) if not_reached else NEXT_CHECKS[outcome]
    spread = random.uniform(0.9, 1.1)  # noqa: S311  # jitter
    node.next_checks_at = now + delay * spread if delay else None
    node.save(update_fields=["next_checks_at", "updated_at"])
    if outcome == Outcome.PASSED:
        _passed(node, now=now)
    elif _has_expired(node, now=now):
        _expire(node, now=now)
    elif not_reached:
        _not_reached(node, wrong[0], now=now)
    elif outcome == Outcome.FAILED:
        listing.reject(node_id=node.pk, why=_said(wrong), now=now)


def _until_next_try(node: Node, *, now: datetime) -> timedelta | None:
    """Wait as long again as it was tried in vain; None once it was long enough, until its provider asks."""
    asked = CheckRun.objects.filter(node=node).exclude(trigger=Trigger.SCHEDULE)
    last_asked = asked.order_by("-id").values_list("started_at", flat=True).first()
    moments = (node.created_at, node.last_seen_at, last_asked)
    in_vain = now - max(moment for moment in moments if moment is not None)
    if in_vain > NOT_REACHED_GIVEN_UP:
        return None
    return min(max(in_vain, NOT_REACHED_AGAIN), NOT_REACHED_SLOWEST)


def _passed(node: Node, *, now: datetime) -> None:
    node.last_verified_at = now
    node.save(update_fields=["last_verified_at", "updated_at"])
    if gpu_proofs.keep_off(node, now=now):
        return
    if node.listing_wanted_at is not None:
        listing.admit(node_id=node.pk, now=now)
    elif node.status == NodeStatus.VALIDATION_PENDING:
        node.status_reason = "Its checks passed; it is listed once its provider says so."
        node.save(update_fields=["status_reason", "updated_at"])


def _has_expired(node: Node, *, now: datetime) -> bool:
    """Say whether a listing rests on checks that are too old, and not because nobody of us tried."""
    verified = node.last_verified_at or node.created_at
    if node.status != NodeStatus.AVAILABLE or now - verified < settings.MARKET_VERIFIED_FOR:
        return False
    tried = CheckRun.objects.filter(node=node, finished_at__gt=verified, outcome__in=IN_VAIN)
    return tried.count() >= TRIED_IN_VAIN and not outage.declared()


def _expire(node: Node, *, now: datetime) -> None:
    hours = settings.MARKET_VERIFIED_FOR // timedelta(hours=1)
    detail = f"No run of its checks passed for {hours} h: what is listed must be known."
    _to(node, NodeStatus.VALIDATION_PENDING, Reason.VERIFICATION_EXPIRED, detail, now=now)


def _not_reached(node: Node, result: CheckResult, *, now: datetime) -> None:
    """Take a new machine a step back; whether a listed one answers is the heartbeat's to say."""
    said = _said([result])
    if node.status == NodeStatus.VALIDATION_PENDING:
        _to(node, NodeStatus.NOT_DETECTED, Reason.CHECKS_FAILED, said, now=now)
    elif node.status == NodeStatus.NOT_DETECTED:
        node.status_reason = said
        node.save(update_fields=["status_reason", "updated_at"])


def _said(wrong: list[CheckResult]) -> str:
    """Say what failed without figures: anyone can read a node's events."""
    named = (f"{BY_ID[result.check_id].title} ({result.code})" for result in wrong)
    return f"Failed: {', '.join(named)}."


def _to(node: Node, status: NodeStatus, reason: Reason, detail: str, *, now: datetime) -> None:
    move(node, to=status, reason=reason, actor=PLATFORM, now=now, detail=detail)


def _lock(node_id: int) -> Node:
    return Node.objects.select_for_update(no_key=True).select_related("gpu_model").get(pk=node_id)
