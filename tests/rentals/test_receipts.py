"""A receipt compares the quote with the charge and shows what the charge rests on."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.models import Entry
from core.actors import PLATFORM
from rentals import transitions
from rentals.models import PodStatus, Receipt
from rentals.observations import GONE
from rentals.reasons import Reason
from rentals.services import lifecycle, meter, metering, provisioning, receipts
from tests.factories.pods import NOON, make_pod, make_ready, refunded_usd

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def end(pod, *, to=PodStatus.REMOVING, reason=Reason.REMOVED_BY_RENTER, at=NOON + 6 * MINUTE):
    meter.close_interval(pod, at=at, evidence=reason.words)
    transitions.move(pod, to=to, reason=reason, actor=PLATFORM, now=at)
    receipts.settle(pod, now=at)
    return receipts.write(pod, at)


class TestWrite:
    def test_puts_the_charge_beside_the_quote(self):
        receipt = end(make_ready(make_pod(hourly_price_usd=Decimal(2))))

        assert receipt.charged_usd == Decimal("0.2")
        assert receipt.ready_seconds == 360
        assert receipt.lines[0]["quoted_usd"] == "2"
        assert receipt.lines[0]["charged_usd"] == "0.200000000"
        assert receipt.lines[0]["charged_quantity"] == "0.100000000"
        assert receipt.close_reason == Reason.REMOVED_BY_RENTER.words

    def test_equals_what_the_ledger_took(self):
        pod = make_ready(make_pod())
        meter.prove(pod, at=NOON + MINUTE, evidence="banner")
        metering.tick(now=NOON + MINUTE)

        receipt = end(pod)

        assert receipt.charged_usd == sum(charge.amount_usd for charge in receipts.charges_of(pod))

    def test_a_failed_start_costs_nothing_and_says_why(self):
        receipt = end(make_pod(), to=PodStatus.FAILED, reason=Reason.IMAGE_UNAVAILABLE)

        assert receipt.charged_usd == 0
        assert receipt.close_reason == Reason.IMAGE_UNAVAILABLE.words
        assert "never proven ready" in receipt.lines[0]["note"]

    def test_is_written_once(self):
        pod = make_ready(make_pod())

        first = end(pod)

        assert receipts.write(pod, NOON + 60 * MINUTE) == first
        assert Receipt.objects.get(pod=pod).created_at == NOON + 6 * MINUTE

    @pytest.mark.parametrize("reason", [Reason.REMOVED_BY_RENTER, Reason.RECLAIMED_EARLY])
    def test_moves_no_money_itself(self, reason):
        pod = make_ready(make_pod())
        meter.close_interval(pod, at=NOON + MINUTE, evidence=reason.words)
        transitions.move(
            pod, to=PodStatus.REMOVING, reason=reason, actor=PLATFORM, now=NOON + MINUTE
        )
        if reason is Reason.RECLAIMED_EARLY:
            metering.settle(pod_id=pod.pk, now=NOON + MINUTE)
        posted = Entry.objects.count()

        with pytest.raises(receipts.Unsettled):
            receipts.write(pod, NOON + MINUTE)

        assert Entry.objects.count() == posted


@pytest.mark.django_db(transaction=True)
def test_a_pod_is_ended_without_an_account_behind_its_node(monkeypatch):
    with transaction.atomic():
        pod = make_ready(make_pod())
    lifecycle.remove_as(
        pod_id=pod.public_id,
        reason=Reason.RECLAIMED_EARLY,
        actor=PLATFORM,
        now=NOON + MINUTE,
    )
    monkeypatch.setattr(
        provisioning, "_act", lambda claim, pod, action, seen: replace(seen, container=GONE)
    )

    with CaptureQueriesContext(connection) as queries:
        provisioning.reconcile(pod_id=pod.public_id, now=lambda: NOON + 2 * MINUTE)

    assert pod.receipt.charged_usd == 0
    assert refunded_usd(pod) > 0
    paying = [work for work in transactions(queries) if 'INSERT INTO "billing_posting"' in work]
    assert len(paying) == 1
    assert "marketplace_node" not in paying[0]
    assert 'FROM "rentals_pod"' not in paying[0]


def transactions(queries):
    return "\n".join(query["sql"] for query in queries).split("COMMIT")


class TestRead:
    def test_shows_intervals_with_their_evidence_and_the_charges(self):
        pod = make_ready(make_pod())
        end(pod)

        view = receipts.read(pod)

        assert [(i.started_at, i.started_by) for i in view.intervals] == [
            (NOON, "SSH-2.0-OpenSSH_9.2")
        ]
        assert [charge.until for charge in view.charges] == [NOON + 6 * MINUTE]
