"""What of renters' charges was their own money: credits come first, and what nobody paid is no payment."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Workspace
from billing import ledger
from billing.accounts import renter_account, trading_account
from billing.ledger import Leg
from billing.services.grants import grant
from core.actors import PLATFORM
from core.money import USD
from marketplace.models import UsageFact
from rentals.models import PaidUse, Pod
from rentals.services import metering, paid_use, usage_facts
from rentals.services.paid_use import paid_of
from tests.factories.marketplace import NOON
from tests.factories.pods import make_pod, make_ready, make_workspace

HOUR = timedelta(hours=1)
AMOUNTS = st.decimals(-20, 50, places=9)


def credited(workspace: Workspace, usd: int, *, key: str = "k") -> None:
    grant(workspace=workspace, usd=Decimal(usd), key=key, reason="hello", actor=PLATFORM, now=NOON)


def deposited(workspace: Workspace, usd: int) -> None:
    legs = [Leg(trading_account(USD), Decimal(-usd)), Leg(renter_account(workspace), Decimal(usd))]
    ledger.post(key=f"deposit:{usd}", kind="deposit", legs=legs, occurred_at=NOON)


def used(pod: Pod, *, hours: int) -> None:
    """Let a pod of two dollars an hour run on, an hour at a time, and be counted."""
    for _ in range(hours):
        pod.refresh_from_db()
        until = (pod.last_proof_at or NOON) + HOUR
        Pod.objects.filter(pk=pod.pk).update(last_proof_at=until)
        metering.tick(now=until)
        usage_facts.record_running()
        paid_use.count()


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
        Pod.objects.filter(pk=pod.pk).update(last_proof_at=NOON + HOUR)
        metering.tick(now=NOON + HOUR)
        usage_facts.record_running()

        assert paid() == [None]

    def test_is_as_many_queries_for_any_number(self, django_assert_max_num_queries) -> None:
        for _ in range(4):
            pod = make_ready(make_pod())
            Pod.objects.filter(pk=pod.pk).update(last_proof_at=NOON + HOUR)
        metering.tick(now=NOON + HOUR)
        usage_facts.record_running()

        with django_assert_max_num_queries(11):
            assert paid_use.count() == 4


@given(st.lists(st.tuples(AMOUNTS, st.decimals(0, 100, places=9)), max_size=20))
def test_never_more_than_the_renters_own_money(history) -> None:
    """However charges, refunds, credits and debts follow one another."""
    charged = paid = Decimal(0)
    for amount, not_own in history:
        (part,) = paid_of([amount], before=charged, paid=paid, not_own=not_own)
        charged, paid = charged + amount, paid + part
        assert min(amount, 0) <= part <= max(amount, 0)
        assert part <= 0 or paid <= charged - not_own


@given(st.lists(AMOUNTS, max_size=8), st.decimals(0, 100, places=9))
def test_facts_count_the_same_one_by_one_and_together(amounts, not_own) -> None:
    together = paid_of(amounts, before=Decimal(0), paid=Decimal(0), not_own=not_own)
    charged = paid = Decimal(0)
    for amount, expected in zip(amounts, together, strict=True):
        assert paid_of([amount], before=charged, paid=paid, not_own=not_own) == [expected]
        charged, paid = charged + amount, paid + expected
