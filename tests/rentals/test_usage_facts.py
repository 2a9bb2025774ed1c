"""Paid use becomes facts for the market: by the hour while a pod runs, the rest at its end, never twice."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from marketplace.models import UsageFact
from rentals.models import Pod
from rentals.services import meter, usage_facts
from tests.factories.marketplace import NOON
from tests.factories.pods import make_pod, make_ready

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def proven(pod: Pod, *, until: datetime) -> Pod:
    Pod.objects.filter(pk=pod.pk).update(last_proof_at=until)
    pod.refresh_from_db()
    return pod


def facts() -> list[tuple[datetime, datetime, Decimal]]:
    return list(
        UsageFact.objects.order_by("started_at").values_list("started_at", "ended_at", "paid_usd")
    )


def test_a_running_pod_is_told_of_by_the_hour() -> None:
    pod = make_ready(make_pod())
    proven(pod, until=NOON + HOUR * 0.9)
    assert usage_facts.record_running() == 0

    proven(pod, until=NOON + HOUR * 1.5)

    assert [usage_facts.record_running() for _ in range(2)] == [1, 0]
    assert facts() == [(NOON, NOON + HOUR * 1.5, Decimal(3))]


def test_the_end_adds_the_rest() -> None:
    pod = proven(make_ready(make_pod()), until=NOON + HOUR)
    usage_facts.record_running()
    proven(pod, until=NOON + HOUR * 3)
    usage_facts.record_running()
    meter.close_interval(pod, at=NOON + HOUR * 3.5, evidence="removed")

    assert [usage_facts.record_ended(pod.pk) for _ in range(2)] == [1, 0]
    assert facts() == [
        (NOON, NOON + HOUR, Decimal(2)),
        (NOON + HOUR, NOON + HOUR * 3, Decimal(4)),
        (NOON + HOUR * 3, NOON + HOUR * 3.5, Decimal(1)),
    ]


def test_time_that_was_not_proven_is_nobodys_use() -> None:
    pod = proven(make_ready(make_pod()), until=NOON + HOUR)
    meter.close_interval(pod, at=NOON + HOUR, evidence="a silence")
    meter.open_interval(pod, at=NOON + HOUR * 5, evidence="SSH-2.0-OpenSSH_9.2")
    meter.close_interval(pod, at=NOON + HOUR * 6, evidence="removed")

    usage_facts.record_ended(pod.pk)

    assert [fact[:2] for fact in facts()] == [
        (NOON, NOON + HOUR),
        (NOON + HOUR * 5, NOON + HOUR * 6),
    ]


def test_other_pods_are_left_alone() -> None:
    one, other = make_ready(make_pod()), make_ready(make_pod())
    for pod in (one, other):
        meter.close_interval(pod, at=NOON + HOUR, evidence="removed")

    usage_facts.record_ended(one.pk)

    assert UsageFact.objects.get().holder == one.public_id
