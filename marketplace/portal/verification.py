"""How far a machine's checks are, as `lium provider node status` draws it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from core import clock
from marketplace.access import node_for_provider
from marketplace.models import CheckRun, CheckStatus, Outcome
from marketplace.portal.auth import PortalAuth, caller
from marketplace.portal.schemas import nodes
from marketplace.selectors.verification import HISTORY, StepRow, Verification, verification

router = Router(tags=["machines"])
# The client draws five kinds of step; one that could not be told has no result.
STEP_STATUS: Final = {CheckStatus.UNKNOWN: CheckStatus.SKIPPED}


@router.get(
    "/executors/{uuid:node_id}/verification", response=nodes.VerificationOut, auth=PortalAuth()
)
def status(request: HttpRequest, node_id: UUID) -> dict[str, Any]:
    """Give the checks of a machine: each with what it took and usually takes, and when they run next."""
    row, now = node_for_provider(caller(request), node_id), clock.now()
    found = verification(row, now=now)
    runs = row.check_runs.filter(finished_at__gt=now - HISTORY).exists()
    shape = {
        "steps": _steps(found),
        "next_check_expected_at": clock.iso(found.next_run_at),
        "basis": _basis(found, own=runs),
    }
    if found.run is None:
        return shape | {"phase": "never_validated"}
    if found.run.finished_at is None:
        return shape | _running(found, found.run, now=now)
    return shape | {"phase": "idle", "last_run": _finished(found, found.run, found.run.finished_at)}


def _running(found: Verification, run: CheckRun, *, now: datetime) -> dict[str, Any]:
    steps = _steps(found)
    current = next((step for step in steps if step["status"] == CheckStatus.RUNNING), None)
    return {
        "phase": "verifying",
        "current": current,
        "elapsed_s": (now - run.started_at).total_seconds(),
        "eta_s": found.seconds_left,
        "run": {"steps": steps},
    }


def _finished(found: Verification, run: CheckRun, at: datetime) -> dict[str, Any]:
    failed = found.blocking
    return {
        "outcome": _outcome(run),
        "reason_code": failed[0].code if failed else None,
        "total_s": (at - run.started_at).total_seconds(),
        "cycle_time": clock.iso(at),
        "steps": _steps(found),
    }


def _outcome(run: CheckRun) -> str:
    """Give the outcome in the client's words, which has one for all that was not decided."""
    return Outcome.INCOMPLETE if run.outcome == Outcome.BROKEN_OFF else run.outcome


def _steps(found: Verification) -> list[dict[str, Any]]:
    return [_step(index, step) for index, step in enumerate(found.steps, start=1)]


def _step(index: int, step: StepRow) -> dict[str, Any]:
    status = CheckStatus(step.status)
    return {
        "index": index,
        "check_id": step.id,
        "name": step.title,
        "status": STEP_STATUS.get(status, status),
        "duration_s": step.seconds,
        "p50_s": step.typical_seconds,
    }


def _basis(found: Verification, *, own: bool) -> str:
    if not any(step.typical_seconds for step in found.steps):
        return "none"
    return f"{'own' if own else 'fleet'}:{HISTORY.days} days"
