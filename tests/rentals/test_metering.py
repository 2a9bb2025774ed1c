"""Charges follow readiness to the last nano-dollar, however often and in whatever order ticks run."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import ledger
from billing.models import Entry, Posting
from core.money import charge_for, quantize
from rentals.models import Pod
from rentals.services import meter, metering
from tests.factories.pods import NOON, make_pod, make_ready, meter_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def posted(pod: Pod, account: str) -> Decimal:
    total = Posting.objects.filter(
        account=getattr(meter_of(pod), f"{account}_account"), entry__subject_id=pod.public_id
    ).aggregate(total=Sum("amount"))["total"]
    return total or Decimal(0)


class TestTick:
    def test_charges_the_renter_and_pays_provider_and_fee(self):
        pod = make_ready(make_pod(hourly_price_usd=Decimal(2)))
        meter.prove(pod, at=NOON + 3 * MINUTE, evidence="banner")

        written = metering.tick(now=NOON + 3 * MINUTE)

        assert written == 1
        assert posted(pod, "renter") == Decimal("-0.1")
        assert posted(pod, "fee") == Decimal("0.005")
        assert posted(pod, "provider") == Decimal("0.095")

    def test_names_pod_and_end_of_the_time_charged(self):
        pod = make_ready(make_pod())
        meter.prove(pod, at=NOON + MINUTE, evidence="banner")

        metering.tick(now=NOON + 2 * MINUTE)

        entry = Entry.objects.get(subject_id=pod.public_id)
        assert entry.idempotency_key == f"pod:{pod.public_id}:until:2026-11-21T12:01:00.000000Z"
        assert entry.occurred_at == NOON + MINUTE

    def test_a_repeat_charges_nothing(self):
        pod = make_ready(make_pod())
        meter.prove(pod, at=NOON + MINUTE, evidence="banner")
        metering.tick(now=NOON + MINUTE)

        assert metering.tick(now=NOON + MINUTE) == 0
        assert metering.tick(now=NOON) == 0

    def test_never_charges_past_the_last_proof(self):
        pod = make_ready(make_pod())
        meter.prove(pod, at=NOON + MINUTE, evidence="banner")

        metering.tick(now=NOON + 60 * MINUTE)

        assert meter_of(pod).posted_usd == charge_for(hourly=Decimal(2), seconds=Decimal(60))

    def test_a_pod_that_never_became_ready_costs_nothing(self):
        pod = make_pod()

        assert metering.tick(now=NOON + 60 * MINUTE) == 0
        assert posted(pod, "renter") == 0

    def test_charges_all_due_pods_in_one_statement(self, django_assert_num_queries):
        for _ in range(3):
            meter.prove(make_ready(make_pod()), at=NOON + MINUTE, evidence="banner")

        # room, the statement, three savepoints and their release
        with django_assert_num_queries(8):
            assert metering.tick(now=NOON + MINUTE) == 3


class TestSettle:
    def test_charges_a_closed_meter_to_the_microsecond(self):
        pod = make_ready(make_pod())
        meter.close_interval(pod, at=NOON + timedelta(seconds=90, microseconds=5), evidence="stop")

        metering.settle(pod_id=pod.pk, now=NOON + 60 * MINUTE)

        found = meter_of(pod)
        assert found.posted_usd == charge_for(hourly=Decimal(2), seconds=Decimal("90.000005"))
        assert found.settled
        assert metering.settle(pod_id=pod.pk, now=NOON + 61 * MINUTE) == 0

    def test_leaves_other_pods_alone(self):
        mine, other = make_ready(make_pod()), make_ready(make_pod())
        for pod in (mine, other):
            meter.close_interval(pod, at=NOON + MINUTE, evidence="stop")

        metering.settle(pod_id=mine.pk, now=NOON + MINUTE)

        assert meter_of(other).posted_usd == 0

    def test_a_stretch_worth_less_than_a_nano_dollar_makes_no_entry(self):
        pod = make_ready(make_pod(hourly_price_usd=Decimal("0.000001")))
        meter.close_interval(pod, at=NOON + timedelta(seconds=1), evidence="stop")

        assert metering.settle(pod_id=pod.pk, now=NOON + MINUTE) == 0
        assert meter_of(pod).settled


def test_halves_are_rounded_to_even_in_the_statement_too():
    # 0.0000018 USD/h x 1 s = 0.5 nano-dollars, x 3 s = 1.5 nano-dollars
    for seconds, nanos in ((1, 0), (3, 2), (5, 2), (7, 4)):
        pod = make_ready(make_pod(hourly_price_usd=Decimal("0.0000018"), fee_rate=Decimal("0.5")))
        meter.close_interval(pod, at=NOON + timedelta(seconds=seconds), evidence="stop")

        metering.settle(pod_id=pod.pk, now=NOON + MINUTE)

        assert meter_of(pod).posted_usd == Decimal(nanos).scaleb(-9)


prices = st.decimals(min_value="0.000000001", max_value="500", places=9)
rates = st.decimals(min_value="0", max_value="0.99999", places=5)
steps = st.lists(
    st.tuples(
        st.sampled_from(["open", "close", "prove", "tick", "settle", "replay"]),
        st.timedeltas(min_value=timedelta(seconds=-90), max_value=timedelta(minutes=20)),
    ),
    max_size=25,
)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(price=prices, rate=rates, steps=steps)
def test_any_life_is_charged_for_its_ready_seconds_exactly(price, rate, steps):
    pod = make_ready(make_pod(hourly_price_usd=price, fee_rate=rate))
    now = NOON
    for step, delta in steps:
        now += delta
        _take(step, pod, now)
    meter.close_interval(pod, at=now, evidence="end")
    metering.tick(now=now)

    found = meter_of(pod)
    expected = charge_for(hourly=price, seconds=_ready_seconds(pod))
    fee = quantize(expected * rate)
    assert found.counted_seconds == _ready_seconds(pod)
    assert found.settled
    assert (posted(pod, "renter"), posted(pod, "fee")) == (-expected, fee)
    assert posted(pod, "provider") == expected - fee
    assert ledger.trial_balance().get("USD", 0) == 0
    assert not Posting.objects.filter(
        entry__subject_id=pod.public_id, account=found.provider_account, amount__lt=0
    ).exists()


def _take(step, pod, now):
    match step:
        case "open":
            meter.open_interval(pod, at=now, evidence="banner")
        case "close":
            meter.close_interval(pod, at=now, evidence="gone")
        case "prove":
            meter.prove(pod, at=now, evidence="banner")
        case "tick":
            metering.tick(now=now)
        case "settle":
            metering.settle(pod_id=pod.pk, now=now)
        case "replay":
            metering.tick(now=now)
            metering.tick(now=now - MINUTE)


def _ready_seconds(pod):
    intervals = pod.ready_intervals.values_list("started_at", "ended_at")
    return sum((meter.seconds(end - start) for start, end in intervals), Decimal(0))
