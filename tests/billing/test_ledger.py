"""The ledger's one writer, and what the database refuses whoever writes."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import ledger
from billing.ledger import Leg, Posted
from billing.models import Account, Entry, Posting
from tests.factories.billing import fresh_balance, in_parallel, make_account

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NANO = Decimal("0.000000001")
FACTS = """
SELECT key, subject_id, %(at)s::timestamptz AS occurred_at, '' AS memo, %(accounts)s::bigint[] AS accounts,
       ARRAY[-amount, amount - fee, fee] AS amounts
FROM unnest(%(keys)s::text[], %(ids)s::uuid[], %(amounts)s::numeric[], %(fees)s::numeric[])
     AS fact (key, subject_id, amount, fee)
"""
nanos = st.integers(min_value=1, max_value=10**18)


@pytest.fixture
def trio() -> list[Account]:
    return [make_account() for _ in range(3)]


def legs_of(accounts: list[Account], amount: int, fee: int) -> list[Leg]:
    values = (-amount * NANO, (amount - fee) * NANO, fee * NANO)
    return [Leg(account, value) for account, value in zip(accounts, values, strict=True)]


def post(key: str, legs: list[Leg], subject: UUID | None = None) -> Entry:
    return ledger.post(
        key=key,
        kind="usage",
        legs=legs,
        occurred_at=NOON,
        subject=("pod", subject) if subject else None,
    )


def post_set(accounts: list[Account], facts: list[tuple[str, UUID, int, int]]) -> Posted:
    params = {
        "at": NOON,
        "accounts": [account.pk for account in accounts],
        "keys": [fact[0] for fact in facts],
        "ids": [fact[1] for fact in facts],
        "amounts": [fact[2] * NANO for fact in facts],
        "fees": [fact[3] * NANO for fact in facts],
    }
    return ledger.post_from(kind="usage", subject_kind="pod", facts=FACTS, params=params)


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def rows_scanned(table: str) -> int:
    query = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = %s"
    with connection.cursor() as cursor:
        cursor.execute(query, [table])
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
class TestPost:
    def test_moves_both_balances(self, trio: list[Account]) -> None:
        post("a", [Leg(trio[0], Decimal(-5)), Leg(trio[1], Decimal(5))])

        assert [fresh_balance(account) for account in trio] == [-5, 5, 0]
        assert ledger.trial_balance() == {"USD": 0}

    def test_repeat_is_a_no_op(self, trio: list[Account]) -> None:
        legs = [Leg(trio[0], Decimal(-5)), Leg(trio[1], Decimal(5))]

        assert post("a", legs) == post("a", legs)
        assert Posting.objects.count() == 2

    def test_same_key_with_other_money_stops(self, trio: list[Account]) -> None:
        post("a", [Leg(trio[0], Decimal(-5)), Leg(trio[1], Decimal(5))])

        with pytest.raises(ledger.KeyReused):
            post("a", [Leg(trio[0], Decimal(-6)), Leg(trio[1], Decimal(6))])
        with pytest.raises(ledger.KeyReused):
            post("a", [Leg(trio[0], Decimal(-5)), Leg(trio[2], Decimal(5))])

    @pytest.mark.parametrize("amounts", [[5], [5, -4], [0, 0], [5, -5, 1]])
    def test_refuses_what_does_not_balance(self, trio: list[Account], amounts: list[int]) -> None:
        legs = [Leg(account, Decimal(value)) for account, value in zip(trio, amounts, strict=False)]

        with pytest.raises(ledger.UnbalancedEntry):
            post("a", legs)

    def test_refuses_two_currencies(self, trio: list[Account]) -> None:
        with pytest.raises(ledger.UnbalancedEntry):
            post("a", [Leg(trio[0], Decimal(-1)), Leg(make_account("TAO"), Decimal(1))])

    def test_refuses_a_tenth_place(self, trio: list[Account]) -> None:
        tiny = Decimal("0.0000000001")

        with pytest.raises(ledger.UnbalancedEntry):
            post("a", [Leg(trio[0], tiny), Leg(trio[1], -tiny)])

    def test_reversal_undoes(self, trio: list[Account]) -> None:
        entry = post("a", legs_of(trio, 700, 35), uuid4())

        mirror = ledger.reverse(key="reversal:a", of=entry, occurred_at=NOON, memo="A mistake.")

        assert mirror.subject_id == entry.subject_id
        assert [fresh_balance(account) for account in trio] == [0, 0, 0]


@pytest.mark.django_db
class TestPostFrom:
    def test_zero_legs_are_left_out(self, trio: list[Account]) -> None:
        assert post_set(trio, [("a", uuid4(), 9, 0)]) == Posted(written=1, repeated=0)
        assert list(Posting.objects.order_by("leg").values_list("leg", "account_id")) == [
            (1, trio[0].pk),
            (2, trio[1].pk),
        ]

    def test_an_entry_of_zeros_stops_the_set(self, trio: list[Account]) -> None:
        with pytest.raises(ledger.UnbalancedEntry):
            post_set(trio, [("a", uuid4(), 9, 1), ("b", uuid4(), 0, 0)])
        assert not Entry.objects.exists()

    def test_other_money_under_a_key_stops_the_set(self, trio: list[Account]) -> None:
        subject = uuid4()
        post_set(trio, [("a", subject, 9, 1)])

        with pytest.raises(ledger.KeyReused):
            post_set(trio, [("b", subject, 4, 1), ("a", subject, 8, 1)])
        with pytest.raises(ledger.KeyReused):
            post_set(trio[::-1], [("b", subject, 4, 1), ("a", subject, 9, 1)])
        with pytest.raises(ledger.KeyReused):
            post_set(trio, [("a", uuid4(), 9, 1)])
        assert Entry.objects.count() == 1

    def test_a_set_with_a_repeat_writes_the_rest(self, trio: list[Account]) -> None:
        subject = uuid4()
        post_set(trio, [("a", subject, 9, 0)])

        assert post_set(trio, [("a", subject, 9, 0), ("b", subject, 4, 1)]) == Posted(
            written=1, repeated=1
        )
        assert [fresh_balance(account) for account in trio] == [-13 * NANO, 12 * NANO, NANO]

    def test_an_entry_after_a_set_does_not_read_the_ledger(self, trio: list[Account]) -> None:
        post_set(trio, [(f"f:{number}", uuid4(), 9, 1) for number in range(3000)])
        before = rows_scanned("billing_entry")

        post("a", legs_of(trio, 9, 1))

        assert rows_scanned("billing_entry") == before

    def test_an_unbalanced_fact_stops_the_set(self, trio: list[Account]) -> None:
        facts = FACTS.replace("-amount,", "-amount - 1,")

        with pytest.raises(IntegrityError, match="does not balance"):
            ledger.post_from(
                kind="usage",
                subject_kind="pod",
                facts=facts,
                params={
                    "at": NOON,
                    "accounts": [account.pk for account in trio],
                    "keys": ["a"],
                    "ids": [uuid4()],
                    "amounts": [Decimal(2)],
                    "fees": [Decimal(1)],
                },
            )


@pytest.mark.django_db
class TestBothDoors:
    @settings(
        max_examples=40,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(facts=st.lists(st.tuples(st.uuids(), nanos, nanos), min_size=1, max_size=8))
    def test_write_the_same_entries(
        self, trio: list[Account], facts: list[tuple[UUID, int, int]]
    ) -> None:
        rows = [
            (f"{number}:{subject}:{amount}", subject, amount, min(fee, amount))
            for number, (subject, amount, fee) in enumerate(facts)
        ]

        with transaction.atomic():
            for key, subject, amount, fee in rows[::2]:
                post(key, legs_of(trio, amount, fee), subject)
            first = post_set(trio, rows)
            again = post_set(trio, rows)
            for key, subject, amount, fee in rows:
                post(key, legs_of(trio, amount, fee), subject)

            assert first == Posted(written=len(rows[1::2]), repeated=len(rows[::2]))
            assert again == Posted(written=0, repeated=len(rows))
            assert Entry.objects.count() == len(rows)
            assert -fresh_balance(trio[0]) == sum(row[2] for row in rows) * NANO
            assert ledger.trial_balance() == {"USD": 0}
            transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
class TestParallel:
    def test_six_posts_of_one_fact_write_one_entry(self) -> None:
        pair = [make_account(), make_account()]
        legs = [Leg(pair[0], Decimal(-5)), Leg(pair[1], Decimal(5))]

        entries = in_parallel(6, lambda _: post("fact", legs).pk)

        assert len(set(entries)) == 1
        assert fresh_balance(pair[1]) == 5

    def test_sets_and_posts_in_any_order_do_not_deadlock(self) -> None:
        accounts = [make_account() for _ in range(4)]
        subject = uuid4()

        def work(number: int) -> None:
            order = accounts if number % 2 else accounts[::-1]
            for step in range(5):
                post(f"p:{number}:{step}", legs_of(order[:3], 100, 5), subject)
                post_set(order[1:], [(f"s:{number}:{step}", subject, 100, 5)])

        in_parallel(4, work)

        assert Entry.objects.count() == 40
        assert ledger.trial_balance() == {"USD": 0}

    def test_the_same_set_twice_at_once_is_posted_once(self) -> None:
        trio = [make_account() for _ in range(3)]
        facts = [(f"f:{number}", uuid4(), 100 + number, 5) for number in range(200)]

        posted = in_parallel(3, lambda _: post_set(trio, facts))

        assert sum(result.written for result in posted) == 200
        assert Posting.objects.count() == 600


@pytest.mark.django_db
class TestDatabaseRefuses:
    @pytest.fixture
    def entry(self, trio: list[Account]) -> Entry:
        return post("a", [Leg(trio[0], Decimal(-5)), Leg(trio[1], Decimal(5))])

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE billing_posting SET amount = 1",
            "DELETE FROM billing_posting",
            "UPDATE billing_entry SET memo = 'x'",
            "DELETE FROM billing_entry",
            "DELETE FROM billing_account",
            "UPDATE billing_account SET balance = balance + 1",
            "UPDATE billing_account SET code = 'other:' || id",
            "UPDATE billing_accountday SET amount = 1",
            "DELETE FROM billing_accountday",
            "INSERT INTO billing_account (code, kind, currency, balance, created_at) "
            "VALUES ('x', 'fee', 'USD', 1, now())",
        ],
    )
    def test_editing_history(self, entry: Entry, statement: str) -> None:
        with pytest.raises(IntegrityError, match=r"append-only|postings only|keeps its|open with"):
            sql(statement)

    @pytest.mark.parametrize(
        "rows",
        [
            [(1, 0, 5)],
            [(1, 0, 5), (2, 1, -4)],
            [(2, 0, 5), (3, 1, -5)],
            [(1, 0, 5), (2, 9, -5)],
        ],
        ids=["one leg", "sum", "numbering", "unknown account"],
    )
    def test_a_bad_entry(self, trio: list[Account], rows: list[tuple[int, int, int]]) -> None:
        entry = Entry.objects.create(idempotency_key="raw", kind="raw", occurred_at=NOON)
        postings = [
            Posting(entry=entry, leg=leg, account_id=(trio[0].pk + who), amount=amount)
            for leg, who, amount in rows
        ]

        with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
            Posting.objects.bulk_create(postings)

    def test_two_currencies_in_one_entry(self, trio: list[Account]) -> None:
        entry = Entry.objects.create(idempotency_key="raw", kind="raw", occurred_at=NOON)
        legs = [(trio[0], 5), (make_account("TAO"), -5)]

        with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
            Posting.objects.bulk_create(
                Posting(entry=entry, leg=number, account=account, amount=amount)
                for number, (account, amount) in enumerate(legs, start=1)
            )

    def test_more_legs_for_an_entry_that_is_whole(self, entry: Entry, trio: list[Account]) -> None:
        with pytest.raises(IntegrityError):
            sql(
                "INSERT INTO billing_posting (entry_id, leg, account_id, amount) "
                "VALUES (%s, 3, %s, 1), (%s, 4, %s, -1)",
                *(entry.pk, trio[0].pk, entry.pk, trio[1].pk),
            )

    def test_an_entry_that_does_not_exist(self, trio: list[Account]) -> None:
        with pytest.raises(IntegrityError):
            sql(
                "INSERT INTO billing_posting (entry_id, leg, account_id, amount) "
                "VALUES (0, 1, %s, 1), (0, 2, %s, -1)",
                *(trio[0].pk, trio[1].pk),
            )
