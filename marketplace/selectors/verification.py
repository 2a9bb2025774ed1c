"""How a machine's checks stand: what went how, how far a run is, how long the rest takes, when the next is due."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.core.cache import cache
from django.db import connection

from marketplace.checks import CHECKS
from marketplace.models import CheckResult, CheckRun, CheckStatus, Node

HISTORY: Final = timedelta(days=30)
OPEN: Final = (CheckStatus.PENDING, CheckStatus.RUNNING)
MEDIANS: Final = """
SELECT check_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)
FROM marketplace_checkresult result JOIN marketplace_checkrun run ON run.id = result.run_id
WHERE seconds IS NOT NULL AND result.started_at > %(since)s AND status IN ('passed', 'failed')
    AND (%(node)s::bigint IS NULL OR run.node_id = %(node)s)
GROUP BY check_id
"""
# Everybody's are of a month, and hundreds of pages ask for them every second.
FLEET_KEPT_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class StepRow:
    """A check as page and portal show it; ``typical_seconds`` None where nobody was checked yet."""

    id: str
    title: str
    why: str
    blocks: bool
    status: str
    code: str
    measured: str
    required: str
    fix: str
    fix_command: str
    started_at: datetime | None
    seconds: float | None
    typical_seconds: float | None

    @property
    def is_advice(self) -> bool:
        """Say whether it passed with something to better."""
        return self.status == CheckStatus.PASSED and bool(self.code)

    @property
    def is_decided(self) -> bool:
        """Say whether it was tried, so that it can be tried again alone."""
        return self.status not in OPEN

    @property
    def is_unsettled(self) -> bool:
        """Say whether trying it again is the thing to do: it failed, could not be told, or has something to mend."""
        return self.status in (CheckStatus.FAILED, CheckStatus.UNKNOWN) or bool(self.fix)


@dataclass(frozen=True, slots=True)
class Verification:
    """The latest run of a machine; None and empty where there was none."""

    run: CheckRun | None
    steps: list[StepRow]
    next_run_at: datetime | None

    @property
    def phase(self) -> str:
        """Give none, running, passed, failed, incomplete or broken_off."""
        if self.run is None:
            return "none"
        return self.run.outcome or "running"

    @property
    def done(self) -> int:
        """Count the steps that are decided."""
        return sum(step.is_decided for step in self.steps)

    @property
    def blocking(self) -> list[StepRow]:
        """List what keeps the machine off the market."""
        return [step for step in self.steps if step.blocks and step.status == CheckStatus.FAILED]

    @property
    def seconds_left(self) -> float | None:
        """Guess how long the open steps take; None where a step was never timed."""
        typical = [step.typical_seconds for step in self.steps if step.status in OPEN]
        known = [seconds for seconds in typical if seconds is not None]
        return sum(known) if len(known) == len(typical) else None


def verification(node: Node, *, now: datetime) -> Verification:
    """Give the latest run of a node's checks."""
    run = CheckRun.objects.filter(node=node).order_by("-id").first()
    results = run.results.order_by("position") if run else ()
    typical = _typical(node, now=now)
    return Verification(run, _steps(results, typical), node.next_checks_at)


def _steps(results: Iterable[CheckResult], typical: Mapping[str, float]) -> list[StepRow]:
    known = {result.check_id: result for result in results}
    rows = ((check, known.get(check.id)) for check in CHECKS)
    return [
        StepRow(
            id=check.id,
            title=check.title,
            why=check.why,
            blocks=check.blocks,
            status=result.status if result else CheckStatus.PENDING,
            code=result.code if result else "",
            measured=result.measured if result else "",
            required=result.required if result else "",
            fix=result.fix if result else "",
            fix_command=result.fix_command if result else "",
            started_at=result.started_at if result else None,
            seconds=result.seconds if result else None,
            typical_seconds=typical.get(check.id),
        )
        for check, result in rows
    ]


def _typical(node: Node, *, now: datetime) -> dict[str, float]:
    """Give what each check usually takes: by the machine's own runs where there are some, else by everybody's."""
    key, count = "market:check-medians", partial(_medians, None, now)
    fleet = cache.get_or_set(key, count, FLEET_KEPT_SECONDS) or {}
    return {**fleet, **_medians(node.pk, now)}


def _medians(node_id: int | None, now: datetime) -> dict[str, float]:
    with connection.cursor() as cursor:
        cursor.execute(MEDIANS, {"node": node_id, "since": now - HISTORY})
        return dict(cursor.fetchall())
