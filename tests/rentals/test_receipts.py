"""A receipt compares the quote with the charge and shows what the charge rests on."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.actors import PLATFORM
from rentals import transitions
from rentals.models import PodStatus, Receipt
from rentals.reasons import Reason
from rentals.services import meter, metering, receipts
from tests.factories.pods import NOON, make_pod, make_ready

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def end(pod, *, to=PodStatus.REMOVING, reason=Reason.REMOVED_BY_RENTER, at=NOON + 6 * MINUTE):
    meter.close_interval(pod, at=at, evidence=reason.words)
    transitions.move(pod, to=to, reason=reason, actor=PLATFORM, now=at)
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


class TestRead:
    def test_shows_intervals_with_their_evidence_and_the_charges(self):
        pod = make_ready(make_pod())
        end(pod)

        view = receipts.read(pod)

        assert [(i.started_at, i.started_by) for i in view.intervals] == [
            (NOON, "SSH-2.0-OpenSSH_9.2")
        ]
        assert [charge.until for charge in view.charges] == [NOON + 6 * MINUTE]
