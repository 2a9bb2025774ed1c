"""The statement and the run record say what the ledger took."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from rentals.models import Pod
from rentals.services import meter, metering, records, statement
from rentals.services.statement import Period
from tests.factories.pods import NOON, make_pod, make_ready, make_workspace

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def run_for(pod, *, start=NOON, lasting=HOUR):
    make_ready(pod, at=start)
    meter.close_interval(pod, at=start + lasting, evidence="stop")
    metering.settle(pod_id=pod.pk, now=start + lasting)
    return pod


class TestStatement:
    def test_groups_by_pod_and_day(self):
        pod = run_for(make_pod(hourly_price_usd=Decimal(2)))
        meter.open_interval(pod, at=NOON + 24 * HOUR, evidence="banner")
        meter.close_interval(pod, at=NOON + 26 * HOUR, evidence="stop")
        metering.settle(pod_id=pod.pk, now=NOON + 26 * HOUR)

        [row] = statement.read(Pod.objects.all(), period=Period())

        assert row.total_usd == 6
        assert row.days == [(date(2026, 11, 21), 2), (date(2026, 11, 22), 4)]
        assert row.seconds(row.total_usd) == 3 * 3600

    def test_keeps_to_the_period(self):
        run_for(make_pod())

        before = statement.read(Pod.objects.all(), period=Period(end=date(2026, 11, 20)))
        on_the_day = Period(start=date(2026, 11, 21), end=date(2026, 11, 21))

        assert before == []
        assert len(statement.read(Pod.objects.all(), period=on_the_day)) == 1

    def test_shows_the_most_recently_charged_first_in_two_queries(self, django_assert_num_queries):
        workspace = make_workspace()
        early = run_for(make_pod(workspace=workspace))
        late = run_for(make_pod(workspace=workspace), start=NOON + 5 * HOUR)
        run_for(make_pod())

        with django_assert_num_queries(2):
            rows = statement.read(Pod.objects.filter(workspace=workspace), period=Period())

        assert [row.pod for row in rows] == [late, early]


class TestRecord:
    def test_says_what_was_billed(self):
        record = records.read(run_for(make_pod(hourly_price_usd=Decimal(2)), lasting=HOUR / 2))

        assert (record.billed_seconds, record.total_usd) == (1800, 1)
        assert [segment.started_at for segment in record.segments] == [NOON]

    def test_of_a_running_pod_counts_what_was_charged_so_far(self):
        pod = make_ready(make_pod())
        meter.prove(pod, at=NOON + timedelta(seconds=90), evidence="banner")
        metering.tick(now=NOON + timedelta(seconds=60))

        record = records.read(pod)

        assert record.billed_seconds == 60
        assert not record.removed
