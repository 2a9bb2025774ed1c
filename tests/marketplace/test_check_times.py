"""How long checks usually take: by a machine's own runs, else by everybody's, which are not counted for each page."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.models import CheckResult, CheckRun, CheckStatus, Node, Outcome
from marketplace.selectors import verification
from tests.factories.marketplace import NOON, make_node

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()


def checked(node: Node, *, check_id: str, seconds: float) -> None:
    run = CheckRun.objects.create(
        node=node, trigger="schedule", started_at=NOON, finished_at=NOON, outcome=Outcome.PASSED
    )
    CheckResult.objects.create(
        run=run,
        position=0,
        check_id=check_id,
        status=CheckStatus.PASSED,
        started_at=NOON,
        seconds=seconds,
    )


def typical(node: Node) -> dict[str, float]:
    steps = verification(node, now=NOON).steps
    return {step.id: step.typical_seconds for step in steps if step.typical_seconds is not None}


def test_a_machines_own_runs_count_before_everybodys() -> None:
    old, new = make_node(), make_node()
    for seconds in (1, 2, 9):
        checked(old, check_id="contact", seconds=seconds)
        checked(old, check_id="key", seconds=3)
    checked(new, check_id="contact", seconds=7)

    assert typical(new) == {"contact": 7, "key": 3}
    assert typical(old) == {"contact": 2, "key": 3}


def test_a_page_that_is_drawn_every_second_reads_its_own_machines_runs_alone() -> None:
    node = make_node()
    typical(node)

    with CaptureQueriesContext(connection) as captured:
        typical(make_node())

    counted = [query["sql"] for query in captured if "percentile" in query["sql"]]
    assert len(counted) == 1
