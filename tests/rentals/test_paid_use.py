"""What of renters' charges was their own money: credits come first, and what nobody paid is no payment."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Workspace
from billing import ledger, payables
from billing.accounts import renter_account, trading_account
from billing.ledger import Leg
from billing.services import closing
from billing.services.grants import grant
from core.actors import PLATFORM
from core.money import USD
from marketplace.models import Provider, UsageFact
from rentals.models import PaidUse, Pod
from rentals.models import PodStatus as S
from rentals.reasons import Reason
from rentals.services import meter, metering, paid_use, usage_facts
from rentals.services.paid_use import Part, parts_of, still_owed, used_of
from rentals.transitions import move
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON
from tests.factories.pods import make_pod, make_ready, make_workspace

HOUR = timedelta(hours=1)
AMOUNTS = st.decimals(-20, 50, places=9)


def credited(workspace: Workspace, usd: int, *, key: str = "k") -> None:
    grant(workspace=workspace, usd=Decimal(usd), key=key, reason="hello", actor=PLATFORM, now=NOON)


def deposited(workspace: Workspace, usd: int) -> None:
    legs = [Leg(trading_account(USD), Decimal(-usd)), Leg(renter_account(workspace), Decimal(usd))]
    ledger.post(key=f"deposit:{usd}", kind="deposit", legs=legs, occurred_at=NOON)


def proven(pod: Pod, *, until: datetime) -> None:
    """Let a pod be proven and charged up to a moment."""
    Pod.objects.filter(pk=pod.pk).update(last_proof_at=until)
    metering.tick(now=until)
    pod.refresh_from_db()


def used(pod: Pod, *, hours: int) -> None:
    """Let a pod of two dollars an hour run on, an hour at a time, and be counted."""
    for _ in range(hours):
        pod.refresh_from_db()
        proven(pod, until=(pod.last_proof_at or NOON) + HOUR)
        usage_facts.record_open()
        paid_use.count()


def owing(first: Pod, *, workspace: Workspace, usd: int) -> Pod:
    """Let a debt of the first provider be repaid, and another be made with a second one."""
    deposited(workspace, 3)
    used(first, hours=2)
    deposited(workspace, usd)
    second = make_ready(make_pod(workspace=workspace))
    used(second, hours=1)
    return second


def paid() -> list[Decimal | None]:
    return list(UsageFact.objects.order_by("started_at").values_list("paid_usd", flat=True))


@pytest.mark.django_db
class TestCount:
    def test_a_credit_is_used_up_before_own_money(self) -> None:
        workspace = make_workspace()
        credited(workspace, 3)
        deposited(workspace, 100)

        used(make_ready(make_pod(workspace=workspace)), hours=3)

        assert paid() == [0, 1, 2]

    def test_a_credit_that_comes_later_counts_as_well(self) -> None:
        workspace = make_workspace()
        deposited(workspace, 4)
        pod = make_ready(make_pod(workspace=workspace))
        used(pod, hours=2)
        credited(workspace, 2)

        used(pod, hours=2)

        assert paid() == [2, 2, 0, 0]

    def test_a_debt_is_no_payment_and_stays_none(self) -> None:
        workspace = make_workspace()
        deposited(workspace, 3)
        pod = make_ready(make_pod(workspace=workspace))
        used(pod, hours=2)
        deposited(workspace, 10)

        used(pod, hours=1)

        assert paid() == [2, 1, 2]

    def test_renters_are_counted_apart_and_everything_once(self) -> None:
        for usd in (10, 20):
            workspace = make_workspace()
            deposited(workspace, usd)
            credited(workspace, 1, key=str(usd))
            used(make_ready(make_pod(workspace=workspace)), hours=1)

        assert [paid_use.count() for _ in range(2)] == [0, 0]
        assert paid() == [1, 1]
        assert [(row.charged_usd, row.paid_usd) for row in PaidUse.objects.all()] == [(2, 1)] * 2

    def test_what_waits_is_unknown(self) -> None:
        pod = make_ready(make_pod())
        proven(pod, until=NOON + HOUR)
        usage_facts.record_open()

        assert paid() == [None]

    def test_is_as_many_queries_for_any_number(self, django_assert_max_num_queries) -> None:
        for _ in range(4):
            pod = make_ready(make_pod())
            Pod.objects.filter(pk=pod.pk).update(last_proof_at=NOON + HOUR)
        metering.tick(now=NOON + HOUR)
        usage_facts.record_open()

        with django_assert_max_num_queries(11):
            assert paid_use.count() == 4


@pytest.mark.django_db
class TestUnpaid:
    """What a provider could be paid, of two dollars an hour less the fee of a twentieth."""

    NOW = NOON + timedelta(days=30)

    def payable(self, pod: Pod, *, now: datetime = NOW) -> tuple[Decimal, Decimal]:
        found = payables.payable_of(pod.node.provider.public_id, now=now)
        assert found is not None
        return found.payable_usd, found.unpaid_usd

    def test_a_credit_of_ours_is_cashed_out_by_nobody(self) -> None:
        workspace = make_workspace()
        credited(workspace, 3)
        deposited(workspace, 100)
        pod = make_ready(make_pod(workspace=workspace))

        used(pod, hours=3)

        assert self.payable(pod) == (Decimal("2.85"), Decimal("2.85"))

    def test_a_debt_is_kept_until_it_is_paid(self) -> None:
        workspace = make_workspace()
        deposited(workspace, 3)
        pod = make_ready(make_pod(workspace=workspace))
        used(pod, hours=2)
        assert self.payable(pod) == (Decimal("2.85"), Decimal("0.95"))

        deposited(workspace, 1)

        assert self.payable(pod) == (Decimal("3.80"), 0)

    def test_what_is_not_counted_yet_is_not_known_to_be_paid(self) -> None:
        workspace = make_workspace()
        deposited(workspace, 100)
        pod = make_ready(make_pod(workspace=workspace))
        used(pod, hours=1)
        UsageFact.objects.update(paid_usd=None)

        assert self.payable(pod) == (0, Decimal("1.90"))

    def test_what_is_no_fact_yet_is_not_known_to_be_paid(self) -> None:
        """Be it that its hour is not full, that the machine died with it, or that nobody recorded it."""
        workspace = make_workspace()
        credited(workspace, 100)
        pod = make_ready(make_pod(workspace=workspace))
        proven(pod, until=NOON + timedelta(minutes=54))
        told = [self.payable(pod)]

        meter.close_interval(pod, at=NOON + timedelta(minutes=54), evidence="the machine died")
        move(pod, to=S.REMOVING, reason=Reason.REMOVED_BY_RENTER, actor=PLATFORM, now=NOON + HOUR)
        told.append(self.payable(pod))
        usage_facts.record_open()
        told.append(self.payable(pod))
        paid_use.count()
        told.append(self.payable(pod))

        assert told == [(0, Decimal("1.71"))] * 4

    def test_without_a_hold_the_hour_that_goes_on_is_kept(self, settings: Settings) -> None:
        settings.MARKET_PAYOUT_HOLD = timedelta(0)
        workspace = make_workspace()
        deposited(workspace, 100)
        pod = make_ready(make_pod(workspace=workspace))
        used(pod, hours=1)
        proven(pod, until=NOON + HOUR * 1.5)

        assert self.payable(pod, now=NOON + HOUR * 1.5) == (Decimal("1.90"), Decimal("0.95"))

    def test_what_is_on_hold_is_not_kept_twice(self) -> None:
        workspace = make_workspace()
        deposited(workspace, 2)
        pod = make_ready(make_pod(workspace=workspace))
        used(pod, hours=2)

        assert self.payable(pod, now=NOON + timedelta(days=1)) == (0, 0)

    def test_an_honest_renter_of_the_same_provider_is_paid_for(self) -> None:
        debtor, payer = make_workspace(), make_workspace()
        deposited(debtor, 1)
        deposited(payer, 100)
        pod = make_ready(make_pod(workspace=debtor))
        used(pod, hours=1)
        used(make_ready(make_pod(workspace=payer, node=pod.node)), hours=4)

        assert self.payable(pod) == (Decimal("8.55"), Decimal("0.95"))

    def test_a_second_debt_is_charged_to_its_own_provider(self) -> None:
        workspace = make_workspace()
        first = make_ready(make_pod(workspace=workspace))

        second = owing(first, workspace=workspace, usd=1)

        assert self.payable(first) == (Decimal("3.80"), 0)
        assert self.payable(second) == (0, Decimal("1.90"))
        assert list(UsageFact.objects.order_by("pk").values_list("paid_usd", flat=True)) == [
            2,
            1,
            0,
        ]

    def test_of_what_is_owed_the_newest_is_unpaid(self) -> None:
        workspace = make_workspace()
        first = make_ready(make_pod(workspace=workspace))
        second = owing(first, workspace=workspace, usd=1)
        used(first, hours=1)

        deposited(workspace, 2)

        assert self.payable(first) == (Decimal("3.80"), Decimal("1.90"))
        assert self.payable(second) == (Decimal("1.90"), 0)

    def test_a_debt_that_a_credit_settles_stays_unpaid(self) -> None:
        workspace = make_workspace()
        deposited(workspace, 3)
        pod = make_ready(make_pod(workspace=workspace))
        used(pod, hours=2)

        credited(workspace, 1)

        assert self.payable(pod) == (Decimal("2.85"), Decimal("0.95"))

    @pytest.mark.parametrize(
        "history", ["use grant deposit", "grant use deposit", "deposit use grant", "grant deposit use"]
    )  # fmt: skip
    def test_closing_a_team_makes_no_own_money_of_a_credit(self, history: str) -> None:
        """Whatever came first: what a team and its owner pay to two providers is at most what was paid in."""
        owner = make_workspace()
        team = Workspace.objects.create(name="Team", owner=owner.owner)
        first = make_ready(make_pod(workspace=team))
        for step in history.split():
            if step == "use":
                used(first, hours=3)
            elif step == "grant":
                credited(team, 6)
            else:
                deposited(team, 10)
        paid = self.payable(first)[0]
        with transaction.atomic():
            closing.hand_over(team, now=NOON)
        second = make_ready(make_pod(workspace=owner))
        used(second, hours=5)

        assert paid + self.payable(second)[0] == Decimal("9.50")
        assert self.payable(first)[0] == paid

    def test_is_as_many_queries_for_any_number_of_providers(
        self, django_assert_max_num_queries
    ) -> None:
        for _ in range(4):
            workspace = make_workspace()
            used(make_ready(make_pod(workspace=workspace)), hours=1)

        with django_assert_max_num_queries(7):
            rows = payables.payables_of(
                Provider.objects.values_list("public_id", flat=True), now=self.NOW
            )
            assert [row.payable_usd for row in rows.values()] == [0] * 4

    def test_its_page_says_so_in_words(self, bob: Person, settings: Settings) -> None:
        settings.MARKET_PAYOUT_HOLD = timedelta(0)
        workspace = make_workspace()
        credited(workspace, 3)
        pod = make_ready(make_pod(workspace=workspace))
        Provider.objects.filter(pk=pod.node.provider_id).update(workspace=bob.workspace)
        used(pod, hours=1)

        page = bob.browser.get(reverse("provider_earnings")).content.decode()

        assert "Not paid by renters" in page
        assert "$1.9000" in page


class Renter:
    """What a renter paid in, was given and used, and what was counted of it."""

    def __init__(self) -> None:
        self.deposited = self.granted = self.posted = Decimal(0)
        self.charged = self.paid = self.lent = Decimal(0)
        self.waiting: list[Decimal] = []

    @property
    def balance(self) -> Decimal:
        return self.deposited + self.granted - self.posted

    def does(self, what: str, usd: Decimal) -> None:
        if what == "deposit":
            self.deposited += abs(usd)
        elif what == "credit":
            self.granted += abs(usd)
        elif what == "close":
            self.close()
        else:
            self.posted += usd
            self.waiting.append(usd)

    def close(self) -> None:
        """Hand on what is left, with its money and its credits."""
        left = max(self.balance, Decimal(0))
        counted = {"before": self.charged, "paid": self.paid, "lent": self.lent}
        used = used_of(sum(self.waiting), **counted, credits=self.granted)
        credit = min(left, max(self.granted - used, Decimal(0)))
        self.granted -= credit
        self.deposited -= left - credit

    def count(self) -> list[Part]:
        counted = {"before": self.charged, "paid": self.paid, "lent": self.lent}
        debt = max(Decimal(0), -self.balance)
        parts = parts_of(self.waiting, **counted, credits=self.granted, debt=debt)
        self.charged += sum(self.waiting)
        self.paid += sum(part.paid for part in parts)
        self.lent += sum(part.lent for part in parts)
        self.waiting.clear()
        return parts

    def still_owed(self) -> Decimal:
        counted = {"charged": self.charged, "paid": self.paid, "lent": self.lent}
        return still_owed(**counted, credits=self.granted, balance=self.balance)


@given(
    st.lists(st.tuples(st.sampled_from(["deposit", "credit", "use", "count", "close"]), AMOUNTS))
)
def test_never_more_than_the_renters_own_money(history) -> None:
    """However deposits, credits, charges, refunds and closings follow one another, and whenever they are counted."""
    renter = Renter()
    for what, usd in history:
        if what != "count":
            renter.does(what, usd)
            continue
        waiting, debt = list(renter.waiting), max(Decimal(0), -renter.balance)
        before, parts = renter.paid, renter.count()
        for amount, part in zip(waiting, parts, strict=True):
            assert min(amount, 0) <= part.paid <= max(amount, 0)
        assert renter.paid <= max(before, renter.charged - renter.granted - debt)
        payable = renter.paid + renter.lent - renter.still_owed()
        assert payable <= renter.deposited - min(renter.posted, 0)


@given(st.lists(AMOUNTS, max_size=8), st.decimals(0, 100, places=9))
def test_facts_count_the_same_one_by_one_and_together(amounts, credits) -> None:
    known = {"credits": credits, "debt": Decimal(0)}
    nothing = {"before": Decimal(0), "paid": Decimal(0), "lent": Decimal(0)}
    together = parts_of(amounts, **nothing, **known)
    charged = paid = lent = Decimal(0)
    for amount, expected in zip(amounts, together, strict=True):
        (part,) = parts_of([amount], before=charged, paid=paid, lent=lent, **known)
        assert part == expected
        charged, paid, lent = charged + amount, paid + part.paid, lent + part.lent
