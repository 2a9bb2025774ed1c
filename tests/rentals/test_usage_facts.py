"""Use becomes facts for the market: by the hour while a pod runs, the rest at its end, never twice, and all that was charged."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from core.actors import PLATFORM
from marketplace.models import UsageFact
from rentals.actions import Action, Step
from rentals.models import Pod, PodMeter, PodStatus, Receipt
from rentals.observations import GONE, UNSEEN
from rentals.reasons import Reason
from rentals.services import applying, meter, metering, receipts, refunds, usage_facts
from rentals.transitions import move
from tests.factories.marketplace import NOON
from tests.factories.pods import make_pod, make_ready, refunded_usd
from tests.threads import hanging_up, until_somebody_waits

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def proven(pod: Pod, *, until: datetime) -> Pod:
    Pod.objects.filter(pk=pod.pk).update(last_proof_at=until)
    metering.tick(now=until)
    pod.refresh_from_db()
    return pod


def closed(pod: Pod, *, at: datetime) -> None:
    meter.close_interval(pod, at=at, evidence="removed")
    metering.tick(now=at)


def ended(pod: Pod, *, at: datetime) -> None:
    with transaction.atomic():
        closed(pod, at=at)
        usage_facts.record_ended(pod.pk)


def facts() -> list[tuple[datetime, datetime, Decimal]]:
    return list(
        UsageFact.objects.order_by("started_at").values_list(
            "started_at", "ended_at", "charged_usd"
        )
    )


def test_a_running_pod_is_told_of_by_the_hour() -> None:
    pod = make_ready(make_pod())
    proven(pod, until=NOON + HOUR * 0.9)
    assert usage_facts.record_open() == 0

    proven(pod, until=NOON + HOUR * 1.5)

    assert [usage_facts.record_open() for _ in range(2)] == [1, 0]
    assert facts() == [(NOON, NOON + HOUR * 1.5, Decimal(3))]


def test_the_end_adds_the_rest() -> None:
    pod = proven(make_ready(make_pod()), until=NOON + HOUR)
    usage_facts.record_open()
    proven(pod, until=NOON + HOUR * 3)
    usage_facts.record_open()
    closed(pod, at=NOON + HOUR * 3.5)

    assert [usage_facts.record_ended(pod.pk) for _ in range(2)] == [1, 0]
    assert facts() == [
        (NOON, NOON + HOUR, Decimal(2)),
        (NOON + HOUR, NOON + HOUR * 3, Decimal(4)),
        (NOON + HOUR * 3, NOON + HOUR * 3.5, Decimal(1)),
    ]


@pytest.mark.parametrize("silence", [timedelta(0), HOUR * 4])
@pytest.mark.parametrize("told", [False, True])
def test_time_that_was_not_proven_is_nobodys_use(silence: timedelta, told: bool) -> None:
    pod = proven(make_ready(make_pod()), until=NOON + HOUR)
    if told:
        usage_facts.record_open()
    meter.close_interval(pod, at=NOON + HOUR, evidence="a silence")
    again = NOON + HOUR + silence
    meter.open_interval(pod, at=again, evidence="SSH-2.0-OpenSSH_9.2")
    closed(pod, at=again + HOUR)

    usage_facts.record_ended(pod.pk)

    assert facts() == [(NOON, NOON + HOUR, Decimal(2)), (again, again + HOUR, Decimal(2))]


def test_a_stretch_that_ended_is_told_at_once_and_once_it_is_charged() -> None:
    pod = proven(make_ready(make_pod()), until=NOON + HOUR * 0.5)
    meter.close_interval(pod, at=NOON + HOUR * 0.7, evidence="a silence")
    assert usage_facts.record_open() == 0

    metering.tick(now=NOON + HOUR)
    meter.open_interval(pod, at=NOON + HOUR * 2, evidence="SSH-2.0-OpenSSH_9.2")
    proven(pod, until=NOON + HOUR * 2.5)

    assert [usage_facts.record_open() for _ in range(2)] == [1, 0]
    assert facts() == [(NOON, NOON + HOUR * 0.7, Decimal("1.4"))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reason", [Reason.REMOVED_BY_RENTER, Reason.RECLAIMED_EARLY])
def test_no_pod_is_removed_without_the_facts_of_its_receipt(reason: Reason) -> None:
    with transaction.atomic():
        pod = make_ready(make_pod())
        for hours in (1, 2):
            proven(pod, until=NOON + HOUR * hours)
        closed(pod, at=NOON + HOUR * 2)
        usage_facts.record_open()
        move(pod, to=PodStatus.REMOVING, reason=reason, actor=PLATFORM, now=NOON + HOUR * 2)
        receipts.settle(pod, now=NOON + HOUR * 2)
    gone = Step(action=Action.MOVE, to=PodStatus.REMOVED, reason=Reason.CONTAINER_GONE_AS_ASKED)

    applying.apply(
        pod,
        applying.guard_of(pod, None),
        gone,
        replace(UNSEEN, container=GONE),
        now=NOON + HOUR * 2,
    )

    assert sum(fact[2] for fact in facts()) == Receipt.objects.get().charged_usd > 0


@pytest.mark.django_db(transaction=True)
def test_an_end_goes_on_where_somebody_else_just_recorded() -> None:
    with transaction.atomic():
        pod = proven(make_ready(make_pod()), until=NOON + HOUR)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            usage_facts.record_open()
            assert pool.submit(hanging_up, usage_facts.record_open).result() == 0
            ending = pool.submit(hanging_up, lambda: ended(pod, at=NOON + HOUR * 1.5))
            until_somebody_waits()
        ending.result()

    assert facts() == [
        (NOON, NOON + HOUR, Decimal(2)),
        (NOON + HOUR, NOON + HOUR * 1.5, Decimal(1)),
    ]


def test_other_pods_are_left_alone() -> None:
    one, other = make_ready(make_pod()), make_ready(make_pod())
    for pod in (one, other):
        closed(pod, at=NOON + HOUR)

    usage_facts.record_ended(one.pk)

    assert UsageFact.objects.get().holder == one.public_id


def test_time_that_is_not_charged_yet_is_not_told() -> None:
    pod = proven(make_ready(make_pod()), until=NOON + HOUR)
    Pod.objects.filter(pk=pod.pk).update(last_proof_at=NOON + HOUR * 2)

    usage_facts.record_open()

    assert facts() == [(NOON, NOON + HOUR, Decimal(2))]


def test_facts_come_to_the_charges_to_the_last_place() -> None:
    pod = make_ready(make_pod(hourly_price_usd=Decimal("0.333333333")))
    for minutes in (67, 131, 197):
        proven(pod, until=NOON + timedelta(minutes=minutes, microseconds=7))
        usage_facts.record_open()
    closed(pod, at=NOON + timedelta(minutes=197, seconds=0.7))

    usage_facts.record_ended(pod.pk)

    assert sum(fact[2] for fact in facts()) == PodMeter.objects.get().posted_usd


@pytest.mark.parametrize("after", [timedelta(0), timedelta(minutes=6)])
def test_what_was_paid_back_was_not_charged(after: timedelta) -> None:
    pod = proven(make_ready(make_pod()), until=NOON + HOUR)
    usage_facts.record_open()
    closed(pod, at=NOON + HOUR + after)
    move(pod, to=PodStatus.REMOVING, reason=Reason.RECLAIMED_EARLY, actor=PLATFORM, now=NOON + HOUR)
    refunds.pay(pod, now=NOON + HOUR)

    assert [usage_facts.record_ended(pod.pk) for _ in range(2)] == [1, 0]

    assert refunded_usd(pod) > 0
    assert sum(fact[2] for fact in facts()) == Pod.objects.with_cost().get().net_usd
