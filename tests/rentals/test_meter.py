"""The meter counts proven readiness: exactly, once, and never a silence."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from rentals.models import ReadyInterval
from rentals.services import meter, metering
from tests.factories.pods import NOON, make_pod, make_ready, meter_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


class TestInterval:
    def test_counts_to_the_microsecond(self):
        pod = make_ready(make_pod())

        meter.close_interval(pod, at=NOON + timedelta(seconds=61, microseconds=7), evidence="stop")

        found = meter_of(pod)
        assert found.counted_seconds == Decimal("61.000007")
        assert found.ready_since is None
        assert not found.settled

    def test_keeps_its_evidence(self):
        pod = make_ready(make_pod())

        meter.close_interval(pod, at=NOON + MINUTE, evidence="removal asked")

        interval = ReadyInterval.objects.get(pod=pod)
        assert (interval.started_by, interval.ended_by) == ("SSH-2.0-OpenSSH_9.2", "removal asked")
        assert interval.ended_at == NOON + MINUTE

    def test_opening_and_closing_twice_changes_nothing(self):
        pod = make_ready(make_pod())
        meter.open_interval(pod, at=NOON + MINUTE, evidence="again")
        meter.close_interval(pod, at=NOON + 2 * MINUTE, evidence="stop")

        meter.close_interval(pod, at=NOON + 9 * MINUTE, evidence="stop")

        assert meter_of(pod).counted_seconds == 120
        assert ReadyInterval.objects.filter(pod=pod).count() == 1

    def test_a_clock_that_stepped_back_counts_no_second_twice(self):
        pod = make_ready(make_pod())
        meter.close_interval(pod, at=NOON + 2 * MINUTE, evidence="stop")

        meter.open_interval(pod, at=NOON + MINUTE, evidence="banner")
        meter.close_interval(pod, at=NOON + 3 * MINUTE, evidence="stop")

        assert meter_of(pod).counted_seconds == 180

    def test_never_ends_before_what_was_charged(self):
        pod = make_ready(make_pod())
        meter.prove(pod, at=NOON + 2 * MINUTE, evidence="banner")
        metering.tick(now=NOON + 2 * MINUTE)

        meter.close_interval(pod, at=NOON + MINUTE, evidence="late news")

        found = meter_of(pod)
        assert found.counted_seconds == 120
        assert found.settled


class TestProof:
    def test_a_short_gap_counts(self):
        pod = make_ready(make_pod())

        meter.prove(pod, at=NOON + meter.LONGEST_GAP, evidence="banner")

        assert meter_of(pod).ready_since == NOON
        assert pod.last_proof_at == NOON + meter.LONGEST_GAP

    def test_a_silence_is_cut_out(self):
        pod = make_ready(make_pod())
        meter.prove(pod, at=NOON + MINUTE, evidence="banner")

        meter.prove(pod, at=NOON + 60 * MINUTE, evidence="banner")

        found = meter_of(pod)
        assert found.counted_seconds == 60
        assert found.ready_since == NOON + 60 * MINUTE

    def test_many_at_once_and_those_after_a_silence(self):
        pods = [make_ready(make_pod()) for _ in range(3)]
        silent = make_ready(make_pod(), at=NOON - 60 * MINUTE)

        with transaction.atomic():
            meter.prove_all(
                [pod.pk for pod in (*pods, silent)], at=NOON + MINUTE, evidence="banner"
            )

        for pod in (*pods, silent):
            pod.refresh_from_db()
            assert pod.last_proof_at == NOON + MINUTE
        assert meter_of(pods[0]).ready_since == NOON
        assert meter_of(silent).ready_since == NOON + MINUTE
        assert meter_of(silent).counted_seconds == 0
