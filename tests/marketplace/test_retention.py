"""Old runs and samples go; the latest run of a machine and what is young stay."""

from datetime import datetime, timedelta

import pytest

from marketplace.models import CheckRun, Fact, FactSample, Node, Outcome, Trigger
from marketplace.services import retention
from tests.factories.marketplace import NOON, make_node

pytestmark = pytest.mark.django_db
OLD = NOON - retention.KEPT - timedelta(days=1)


def ran(node: Node, at: datetime) -> CheckRun:
    return CheckRun.objects.create(
        node=node,
        trigger=Trigger.SCHEDULE,
        started_at=at,
        finished_at=at,
        outcome=Outcome.PASSED,
    )


def test_old_runs_go_but_never_the_latest_of_a_machine() -> None:
    busy, gone = make_node(), make_node()
    ran(busy, OLD)
    kept = [ran(busy, NOON), ran(gone, OLD)]

    retention.forget(NOON)

    assert list(CheckRun.objects.order_by("pk")) == kept


def test_old_samples_go_and_the_fact_stays() -> None:
    fact = Fact.objects.create(node=make_node(), name="download", measured="100", samples=2)
    for at in (OLD, NOON):
        FactSample.objects.create(fact=fact, value="100", measured_by="-", measured_at=at)

    retention.forget(NOON)

    assert [sample.measured_at for sample in FactSample.objects.all()] == [NOON]
    fact.refresh_from_db()
    assert fact.measured == "100"
