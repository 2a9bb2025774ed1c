"""A balance that runs out: warned twice, stopped with the data kept, removed at last, each step dated beforehand."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.urls import reverse

from billing import ledger
from billing.accounts import grants_account, renter_account
from billing.ledger import Leg
from billing.models import ChainCursor, Deposit
from core import clock
from core.actors import PLATFORM
from core.money import charge_for
from marketplace.models import WebhookDelivery
from marketplace.services import deliveries
from rentals import transitions
from rentals.models import Pod, PodEvent, PodPort, PodStatus, Receipt, Runway
from rentals.reasons import Reason
from rentals.services import budget_enforcement, budgets, ladder, meter, metering
from tests.factories.accounts import make_key
from tests.factories.billing import PUBLIC_KEY, make_invoice
from tests.factories.marketplace import NOON
from tests.factories.pods import make_pod, make_ready
from tests.factories.rates import price_is

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
GRACE = settings.MARKET_UNPAID_GRACE


def pay(person, usd, *, at=NOON):
    legs = [
        Leg(grants_account(), -Decimal(usd)),
        Leg(renter_account(person.workspace), Decimal(usd)),
    ]
    ledger.post(key=f"test:{uuid4()}", kind="grant", legs=legs, occurred_at=at)


def warnings_of(pod):
    events = PodEvent.objects.filter(pod=pod, sub_type="pod-balance.low").order_by("id")
    return list(events.values_list("reason_code", flat=True))


def status_of(pod):
    return Pod.objects.get(pk=pod.pk).status


@pytest.fixture
def pod(alice):
    """A ready pod of Alice's at 2 USD an hour; she has paid for two days."""
    pay(alice, 96)
    return make_ready(make_pod(workspace=alice.workspace, hourly_price_usd=Decimal(2)))


def go_to(pod, at):
    """Let the pod run until ``at``, be charged, and the ladder be walked."""
    Pod.objects.filter(pk=pod.pk).update(last_proof_at=at)
    metering.tick(now=at)
    ladder.walk(now=at)


class TestWarnings:
    def test_each_is_given_once_as_the_balance_falls(self, pod):
        for hours in (1, 23, 24.5, 25, 40, 46.5, 47):
            go_to(pod, NOON + hours * HOUR)

        assert warnings_of(pod) == ["runway_day", "runway_hours"]

    def test_are_told_in_words_on_the_pods_page(self, alice, pod):
        PodPort.objects.create(pod=pod, internal=22, external=40022)
        go_to(pod, NOON + 25 * HOUR)

        page = alice.browser.get(reverse("pod", args=[pod.public_id])).content.decode()
        assert "Balance runs low" in page
        assert "pod-balance.low" not in page

    def test_re_arm_when_funds_come(self, alice, pod):
        go_to(pod, NOON + 30 * HOUR)
        pay(alice, 1000)
        go_to(pod, NOON + 31 * HOUR)
        pay(alice, -1000)

        go_to(pod, NOON + 32 * HOUR)

        assert warnings_of(pod) == ["runway_day", "runway_day"]

    def test_nobody_is_warned_who_has_enough_or_burns_nothing(self, alice, charlie, pod):
        make_pod(workspace=charlie.workspace)

        go_to(pod, NOON + HOUR)

        assert not Runway.objects.exists()

    def test_the_mail_names_the_steps_to_come_and_is_sent_once(self, alice, pod):
        go_to(pod, NOON + 30 * HOUR)

        for _ in range(2):
            for delivery in WebhookDelivery.objects.all():
                deliveries.deliver(delivery_id=delivery.pk, now=NOON + 30 * HOUR)

        [message] = mail.outbox
        assert message.to == [alice.user.email]
        assert message.subject == f"The balance of {alice.workspace.name} lasts less than 24 hours"
        assert "2026-11-23 12:00 UTC: balance used up" in message.body
        assert "/billing" in message.body

    def test_who_burns_what_is_one_query(self, pod, django_assert_num_queries):
        for _ in range(3):
            make_ready(make_pod())

        with django_assert_num_queries(1):
            assert len(ladder.low_balances()) == 3


class TestEmpty:
    def test_the_pod_goes_on_for_the_grace_and_is_stopped_with_its_files(self, pod):
        go_to(pod, NOON + 48 * HOUR)
        assert status_of(pod) == PodStatus.RUNNING

        go_to(pod, NOON + 48 * HOUR + GRACE)

        pod.refresh_from_db()
        assert (pod.status, pod.status_reason_code) == (
            PodStatus.STOPPING,
            Reason.STOPPED_LOW_BALANCE,
        )
        assert pod.low_balance_since is not None
        assert warnings_of(pod)[-1] == "balance_empty"

    def test_what_the_grace_cost_is_charged_and_no_more(self, pod):
        go_to(pod, NOON + 48 * HOUR)
        go_to(pod, NOON + 48 * HOUR + GRACE)
        go_to(pod, NOON + 60 * HOUR)

        seconds = meter.seconds(48 * HOUR + GRACE)
        assert pod.meter.__class__.objects.get(pod=pod).posted_usd == charge_for(
            hourly=Decimal(2), seconds=seconds
        )

    def test_funds_within_the_grace_keep_it_running(self, alice, pod):
        go_to(pod, NOON + 48 * HOUR)
        pay(alice, 100)

        go_to(pod, NOON + 48 * HOUR + GRACE)

        assert status_of(pod) == PodStatus.RUNNING


class TestDataGrace:
    @pytest.fixture
    def stopped(self, pod):
        go_to(pod, NOON + 48 * HOUR)
        go_to(pod, NOON + 48 * HOUR + GRACE)
        pod.refresh_from_db()
        transitions.move(
            pod,
            to=PodStatus.STOPPED,
            reason=Reason.COMPUTE_STOPPED,
            actor=PLATFORM,
            now=NOON + 49 * HOUR,
        )
        Pod.objects.filter(pk=pod.pk).update(stopped_at=NOON + 49 * HOUR)
        return pod

    def test_the_files_are_kept_to_the_end_of_it(self, stopped):
        ladder.walk(now=NOON + 49 * HOUR + settings.MARKET_DATA_GRACE - HOUR)
        assert status_of(stopped) == PodStatus.STOPPED

        ladder.walk(now=NOON + 49 * HOUR + settings.MARKET_DATA_GRACE)

        stopped.refresh_from_db()
        assert (stopped.status, stopped.status_reason_code) == (
            PodStatus.REMOVING,
            Reason.REMOVED_LOW_BALANCE,
        )
        assert not Receipt.objects.filter(pod=stopped).exists()  # only when the machine is clear

    def test_funds_save_them(self, alice, stopped):
        pay(alice, 50)

        ladder.walk(now=NOON + 500 * HOUR)

        stopped.refresh_from_db()
        assert (stopped.status, stopped.low_balance_since) == (PodStatus.STOPPED, None)


class TestPreview:
    def test_dates_every_step_before_it_comes(self, alice, pod):
        rungs = ladder.preview(alice.workspace, now=NOON)

        dry = NOON + 48 * HOUR
        assert [rung.at for rung in rungs] == [
            dry - 24 * HOUR,
            dry - 2 * HOUR,
            dry,
            dry + GRACE,
            dry + GRACE + settings.MARKET_DATA_GRACE,
        ]
        assert {rung.state for rung in rungs} == {"waiting"}

    def test_has_no_dates_while_nothing_is_drawn(self, charlie):
        assert {rung.at for rung in ladder.preview(charlie.workspace, now=NOON)} == {None}

    def test_keeps_its_dates_once_the_balance_is_used_up(self, alice, pod):
        go_to(pod, NOON + 48 * HOUR)

        stop = ladder.preview(alice.workspace, now=NOON + 48 * HOUR + timedelta(minutes=3))[3]

        assert (stop.at, stop.state) == (NOON + 48 * HOUR + GRACE, "waiting")


class TestBudgets:
    def test_a_spent_key_loses_its_pods(self, alice, pod):
        key, _ = make_key(alice.user, name="ci", budgets={"max_budget_usd": Decimal(5)})
        Pod.objects.filter(pk=pod.pk).update(api_key=key, last_proof_at=NOON + 3 * HOUR)
        metering.tick(now=NOON + 2 * HOUR)
        budget_enforcement.enforce(now=NOON + 2 * HOUR)
        assert status_of(pod) == PodStatus.RUNNING
        metering.tick(now=NOON + 3 * HOUR)

        budget_enforcement.enforce(now=NOON + 3 * HOUR)

        pod.refresh_from_db()
        assert (pod.status, pod.status_reason_code) == (
            PodStatus.REMOVING,
            Reason.REMOVED_BUDGET,
        )

    def test_spend_is_told_by_day_month_and_in_all(self, alice, pod):
        Pod.objects.filter(pk=pod.pk).update(api_key=alice.key, last_proof_at=NOON + 24 * HOUR)
        metering.tick(now=NOON + 11 * HOUR)
        metering.tick(now=NOON + 24 * HOUR)

        spend = budgets.spend_of([alice.key], NOON + 24 * HOUR)[alice.key.pk]

        assert (spend.today_usd, spend.month_usd, spend.total_usd) == (26, 48, 48)
        assert spend.pod_count == 1

    def test_what_ended_before_the_month_counts_in_all_only(self, alice, pod):
        Pod.objects.filter(pk=pod.pk).update(api_key=alice.key, last_proof_at=NOON + HOUR)
        metering.tick(now=NOON + HOUR)
        Pod.objects.filter(pk=pod.pk).update(removed_at=NOON + HOUR)

        spend = budgets.spend_of([alice.key], NOON + timedelta(days=40))[alice.key.pk]

        assert (spend.today_usd, spend.month_usd, spend.total_usd) == (0, 0, 2)

    def test_costs_the_same_for_any_number_of_keys_and_pods(
        self, alice, pod, django_assert_num_queries
    ):
        others = [make_pod(workspace=alice.workspace, node=pod.node) for _ in range(3)]
        for number, other in enumerate([pod, *others]):
            key, _ = make_key(
                alice.user, name=f"ci {number}", budgets={"daily_budget_usd": Decimal(5)}
            )
            make_ready(other)
            Pod.objects.filter(pk=other.pk).update(api_key=key, last_proof_at=NOON + HOUR)
        metering.tick(now=NOON + HOUR)

        with django_assert_num_queries(3) as asked:
            budget_enforcement.enforce(now=NOON + HOUR)

        assert not any(str(other.public_id) in query["sql"] for query in asked for other in others)


class TestDebt:
    def test_a_reboot_does_not_start_the_grace_again(self, pod):
        go_to(pod, NOON + 48 * HOUR)
        go_to(pod, NOON + 48 * HOUR + timedelta(minutes=1))
        since = Runway.objects.get().since

        meter_row = pod.meter
        meter_row.ready_since = None
        meter_row.save(update_fields=["ready_since"])
        ladder.walk(now=NOON + 48 * HOUR + timedelta(minutes=2))

        assert Runway.objects.get().since == since

    def test_money_ends_it(self, alice, pod):
        go_to(pod, NOON + 48 * HOUR + timedelta(minutes=1))
        pay(alice, 100)
        ladder.walk(now=NOON + 48 * HOUR + timedelta(minutes=2))

        assert not Runway.objects.exists()


class TestPause:
    """A payment that is seen stops the clock, and does not only put the end off."""

    @pytest.fixture
    def empty(self, alice, pod):
        go_to(pod, NOON + 48 * HOUR)
        return pod

    def see(self, person, *, rao=10**9):
        return Deposit.objects.create(
            workspace=person.workspace,
            invoice=make_invoice(person.workspace),
            genesis="0x1",
            block_hash=f"0x{uuid4().hex}",
            block_number=1,
            block_at=NOON,
            event_index=0,
            sender="5x",
            address="5y",
            amount_rao=rao,
            seen_at=NOON,
        )

    @pytest.fixture(autouse=True)
    def priced(self, db, settings):
        settings.DEPOSIT_PUBLIC_KEY = PUBLIC_KEY
        price_is()

    def test_the_grace_goes_on_from_where_it_was(self, alice, empty):
        payment, emptied = self.see(alice), NOON + 48 * HOUR
        go_to(empty, emptied + timedelta(minutes=4))
        go_to(empty, emptied + timedelta(minutes=30))
        assert status_of(empty) == PodStatus.RUNNING
        Deposit.objects.filter(pk=payment.pk).update(status="replaced")

        # Four of the ten minutes had passed when it was seen.
        go_to(empty, emptied + timedelta(minutes=31))
        go_to(empty, emptied + timedelta(minutes=36))
        assert status_of(empty) == PodStatus.RUNNING
        go_to(empty, emptied + timedelta(minutes=37))

        assert status_of(empty) == PodStatus.STOPPING

    def test_nothing_is_stopped_while_the_chain_is_unknown_for_a_day_at_most(self, alice, empty):
        emptied = NOON + 48 * HOUR
        cursor = ChainCursor.objects.create(
            genesis="0x1",
            network="chain",
            number=1,
            block_hash="0x2",
            block_at=NOON,
            best=1,
            read_at=emptied,
        )
        go_to(empty, emptied + timedelta(minutes=2))
        go_to(empty, emptied + HOUR)
        assert status_of(empty) == PodStatus.RUNNING
        assert (
            ladder.banner_of(alice.user, now=emptied + HOUR).title == "Payments cannot be seen now."
        )

        # Read again: the grace goes on from where it was.
        cursor.read_at = emptied + HOUR
        cursor.save()
        go_to(empty, emptied + HOUR + timedelta(seconds=50))
        assert status_of(empty) == PodStatus.RUNNING
        go_to(empty, emptied + HOUR + timedelta(hours=25))

        assert status_of(empty) == PodStatus.STOPPING

    def test_dust_stops_no_clock(self, alice, empty):
        self.see(alice, rao=1000)

        go_to(empty, NOON + 48 * HOUR + GRACE)

        assert status_of(empty) == PodStatus.STOPPING

    def test_the_dates_move_with_it(self, alice, empty):
        self.see(alice)
        emptied = NOON + 48 * HOUR
        ladder.walk(now=emptied + timedelta(minutes=4))

        stop = ladder.preview(alice.workspace, now=emptied + timedelta(minutes=24))[3]

        assert stop.at == emptied + timedelta(minutes=20) + GRACE

    def test_the_grace_of_the_files_too(self, alice, empty):
        stop = NOON + 48 * HOUR + GRACE
        go_to(empty, stop)
        move = {"to": PodStatus.STOPPED, "reason": Reason.COMPUTE_STOPPED}
        empty.refresh_from_db()
        transitions.move(empty, **move, actor=PLATFORM, now=stop)
        payment = self.see(alice)
        ladder.walk(now=stop + HOUR)
        Deposit.objects.filter(pk=payment.pk).update(status="replaced")
        ladder.walk(now=stop + 3 * HOUR)

        ladder.walk(now=stop + settings.MARKET_DATA_GRACE + HOUR)
        assert status_of(empty) == PodStatus.STOPPED
        ladder.walk(now=stop + settings.MARKET_DATA_GRACE + 2 * HOUR)

        assert status_of(empty) == PodStatus.REMOVING


class TestBanner:
    def banner(self, person):
        page = person.browser.get("/keys").content.decode()
        return page.partition('aria-label="Low balance"')[2].partition("</aside>")[0]

    def test_there_is_none_while_the_balance_lasts(self, alice, pod):
        go_to(pod, NOON + HOUR)

        assert self.banner(alice) == ""

    def test_every_page_warns(self, alice, charlie, pod):
        go_to(pod, NOON + 30 * HOUR)

        assert "lasts less than 24 hours" in self.banner(alice)
        assert self.banner(charlie) == ""

    def test_says_what_comes_next_and_when(self, alice, pod):
        now = clock.now()
        Runway.objects.create(workspace=alice.workspace, stage="empty", since=now)
        assert "Pods stop:" in self.banner(alice)

        Runway.objects.update(since=now - 2 * GRACE)
        assert "Files are deleted:" in self.banner(alice)

        Runway.objects.update(paused_at=now)
        assert "A payment is on its way." in self.banner(alice)
