"""A provider's earnings, from real entries of the ledger."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import days, ledger
from billing.accounts import fee_account, provider_account, renter_account
from billing.ledger import Leg
from billing.models import Entry, Payout
from marketplace.models import Provider
from marketplace.selectors import earnings
from tests.factories.accounts import Person
from tests.factories.marketplace import make_provider
from tests.factories.payouts import make_payout

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def charge(
    renter: Person, provider: Provider, usd: str, *, at: datetime, pod: UUID | None = None
) -> Entry:
    """Post a minute of a pod as metering does: 5 % of it is the platform's."""
    pod, gross = pod or uuid4(), Decimal(usd)
    fee = gross / 20
    legs = [
        Leg(renter_account(renter.workspace), -gross),
        Leg(provider_account(provider.public_id), gross - fee),
        Leg(fee_account(), fee),
    ]
    return ledger.post(
        key=f"pod:{pod}:until:{at}", kind="usage", legs=legs, occurred_at=at, subject=("pod", pod)
    )


def test_nothing_yet(provider: Provider) -> None:
    assert earnings.daily(provider, since=date(2026, 11, 1), until=date(2026, 11, 21)) == []
    assert earnings.summary(provider, now=NOON).earned_usd == 0
    assert earnings.earned_by(provider, [uuid4()]) == {}


def test_days_with_charge_and_fee(alice: Person, provider: Provider) -> None:
    yesterday = NOON - timedelta(days=1)
    for at, usd in ((NOON, "2"), (NOON + timedelta(minutes=1), "1"), (yesterday, "10")):
        charge(alice, provider, usd, at=at)
    charge(alice, make_provider(name="Somebody else"), "99", at=NOON)

    today, before = earnings.daily(provider, since=yesterday.date(), until=NOON.date())

    assert (today.day, today.kind, today.entries) == (date(2026, 11, 21), "usage", 2)
    assert (today.charged_usd, today.fee_usd, today.amount_usd) == (
        Decimal(3),
        Decimal("0.15"),
        Decimal("2.85"),
    )
    assert (before.day, before.amount_usd) == (date(2026, 11, 20), Decimal("9.5"))
    assert earnings.daily(provider, since=NOON.date(), until=NOON.date()) == [today]


def test_a_day_begins_at_midnight_utc(alice: Person, provider: Provider) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    charge(alice, provider, "1", at=midnight)
    charge(alice, provider, "2", at=midnight - timedelta(microseconds=1))

    days = earnings.daily(provider, since=date(2026, 11, 20), until=date(2026, 11, 21))

    assert [(row.day.day, row.charged_usd) for row in days] == [(21, Decimal(1)), (20, Decimal(2))]


def test_accrued_on_hold_and_what_was_taken_back(alice: Person, provider: Provider) -> None:
    charge(alice, provider, "1", at=NOON)
    charge(alice, provider, "2", at=NOON - timedelta(days=1))
    gone = charge(alice, provider, "4", at=NOON - timedelta(days=2))
    ledger.reverse(key="back", of=gone, occurred_at=NOON - timedelta(days=1), memo="refund")

    found = earnings.summary(provider, now=NOON)

    assert (found.accrued_usd, found.on_hold_usd) == (Decimal("0.95"), Decimal("2.85"))
    assert (found.payable_usd, found.in_payment_usd, found.paid_usd) == (0, 0, 0)
    assert found.unpaid_usd == provider_account(provider.public_id).balance


def test_payable_after_a_week_then_in_payment_then_paid_or_back(
    alice: Person, provider: Provider
) -> None:
    charge(alice, provider, "100", at=NOON - timedelta(days=8))
    charge(alice, provider, "10", at=NOON)
    assert earnings.summary(provider, now=NOON).payable_usd == 95

    entry = approved(provider, Decimal(95))
    moving = earnings.summary(provider, now=NOON)
    assert (moving.payable_usd, moving.in_payment_usd, moving.earned_usd) == (
        0,
        95,
        Decimal("104.5"),
    )

    ledger.reverse(key="returned", of=entry, occurred_at=NOON, memo="failed")
    Payout.objects.update(status="failed")
    back = earnings.summary(provider, now=NOON)
    assert (back.payable_usd, back.in_payment_usd, back.on_hold_usd) == (95, 0, Decimal("9.5"))
    kinds = [
        (row.kind, row.charged_usd, row.amount_usd)
        for row in earnings.daily(provider, since=NOON.date(), until=NOON.date())
    ]
    assert kinds == [
        ("payout", 0, -95),
        ("payout_returned", 0, 95),
        ("usage", 10, Decimal("9.5")),
    ]


def approved(provider: Provider, usd: Decimal) -> Entry:
    """Write a payout down as its approval does."""
    return make_payout(provider, usd=usd, at=NOON)


def test_a_hold_is_over_at_midnight(alice: Person, provider: Provider) -> None:
    for passed in (0, 7, 8):
        charge(alice, provider, "1", at=NOON - timedelta(days=passed))

    assert earnings.summary(provider, now=NOON).on_hold_usd == Decimal("1.9")
    assert earnings.summary(provider, now=NOON + timedelta(hours=12)).on_hold_usd == Decimal("0.95")


def test_days_are_read_by_their_index(provider: Provider) -> None:
    provider_account(provider.public_id)
    rows = days.of(provider_account(provider.public_id).pk, since=NOON.date(), until=NOON.date())

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert "Index Cond: ((account_id = " in rows.explain()
    assert "account_day_once" in rows.explain()


def test_by_pod(alice: Person, provider: Provider) -> None:
    pod, other = uuid4(), uuid4()
    charge(alice, provider, "1", at=NOON, pod=pod)
    charge(alice, provider, "1", at=NOON + timedelta(minutes=1), pod=pod)
    charge(alice, provider, "5", at=NOON, pod=other)

    assert earnings.earned_by(provider, [pod]) == {pod: Decimal("1.9")}


def test_queries_do_not_grow_with_the_ledger(alice: Person, provider: Provider) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            earnings.daily(provider, since=date(2026, 10, 1), until=NOON.date())
            earnings.summary(provider, now=NOON)
        assert not [query for query in queries if "billing_posting" in query["sql"]]
        return len(queries)

    charge(alice, provider, "1", at=NOON)
    few = count()
    for passed in range(20):
        charge(alice, provider, "1", at=NOON - timedelta(days=passed, hours=1))

    assert count() == few <= 7
