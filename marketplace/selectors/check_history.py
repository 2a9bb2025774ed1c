"""How a machine's checks went over time, as anyone may read it: what failed by name, never what was typed there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from marketplace.checks import CHECKS
from marketplace.models import CheckResult, CheckRun, CheckStatus, Node, Outcome, Trigger
from marketplace.selectors.same_machine import entries_of_machine

TITLES: Final = {check.id: check.title for check in CHECKS}
WORDS: Final = {
    Outcome.PASSED: "Passed",
    Outcome.FAILED: "Failed",
    Outcome.INCOMPLETE: "Not decided",
    Outcome.BROKEN_OFF: "Broken off by us",
}

WANTED_BY: Final = {
    Trigger.WIZARD: "its provider",
    Trigger.PROVIDER: "its provider",
    Trigger.SCHEDULE: "the schedule",
    Trigger.OPERATOR: "an operator",
}


@dataclass(frozen=True, slots=True)
class RunRow:
    """One finished run; ``failed`` names its failed checks with their codes, ``kept`` counts those of earlier runs."""

    at: datetime
    why: str
    word: str
    outcome: str
    passed: int
    checks: int
    kept: int
    failed: list[str]


def check_history(node: Node, *, limit: int = 10) -> list[RunRow]:
    """List the finished runs of the checks of a node's machine, newest first, whatever it was on the market as."""
    runs = CheckRun.objects.filter(
        node__in=entries_of_machine(node), finished_at__isnull=False
    ).order_by("-id")
    return [_row(run) for run in runs.prefetch_related("results")[:limit]]


def _row(run: CheckRun) -> RunRow:
    results = sorted(run.results.all(), key=lambda result: result.position)
    return RunRow(
        at=run.finished_at or run.started_at,
        why=WANTED_BY.get(Trigger(run.trigger), run.trigger),
        word=WORDS.get(Outcome(run.outcome), run.outcome) if run.outcome else "",
        outcome=run.outcome,
        passed=_count(results, CheckStatus.PASSED),
        checks=len(results),
        kept=sum(run.keeps(result) for result in results),
        failed=[
            f"{TITLES.get(result.check_id, result.check_id)} ({result.code})"
            for result in results
            if result.status == CheckStatus.FAILED
        ],
    )


def _count(results: Iterable[CheckResult], status: CheckStatus) -> int:
    return sum(1 for result in results if result.status == status)
