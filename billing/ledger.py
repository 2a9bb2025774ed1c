"""The one writer of the ledger: balanced, append-only entries in one currency (docs/money.md).

Two doors: `post` for one entry, `post_from` for a set in one statement. Both join the caller's transaction.
The database proves every entry again (migration 0002), so that a mistake here cannot be stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Sum
from psycopg.errors import UniqueViolation

from billing.models import Account, Entry, Posting
from billing.models.ledger import MEMO_LENGTH
from core.money import quantize

Subject = tuple[str, UUID]

# Ids are drawn before, so that postings find their entries by a number: by their keys, a tick sorts them on disk. Legs
# of zero are left out.
POST_FROM: Final = """
WITH facts AS MATERIALIZED ({facts}),
numbered AS MATERIALIZED (
    SELECT nextval('billing_entry_id_seq') AS id, key, subject_id, occurred_at, memo,
        CASE WHEN 0 <> ALL (amounts) THEN accounts ELSE (
            SELECT array_agg(account_id ORDER BY leg)
            FROM unnest(accounts, amounts) WITH ORDINALITY AS legs (account_id, amount, leg) WHERE amount <> 0
        ) END AS accounts,
        array_remove(amounts, 0) AS amounts
    FROM facts
),
entries AS (
    INSERT INTO billing_entry (id, idempotency_key, kind, subject_kind, subject_id, memo, occurred_at)
    SELECT id, key, %(_kind)s, %(_subject_kind)s, subject_id, memo, occurred_at FROM numbered
    {repeats}
),
postings AS (
    INSERT INTO billing_posting (entry_id, leg, account_id, amount)
    SELECT id, generate_subscripts(accounts, 1), unnest(accounts), unnest(amounts) FROM {written}
)
SELECT {told}, array_agg(key) FILTER (WHERE amounts = '{{}}') FROM {all}
"""
# Facts are new, as a tick's are: nothing is looked up, and a key that was posted before stops the statement.
NEW: Final = {
    "repeats": "",
    "written": "numbered",
    "told": "count(*), 0, NULL",
    "all": "numbered",
}
# Facts that were posted before are handed back, to be compared.
MISSING: Final = {
    "repeats": "ON CONFLICT (idempotency_key) DO NOTHING RETURNING id",
    "written": "numbered JOIN entries USING (id)",
    "told": """count(entries.id), count(*) - count(entries.id),
        (jsonb_agg(to_jsonb(numbered)) FILTER (WHERE entries.id IS NULL))::text""",
    "all": "numbered LEFT JOIN entries USING (id)",
}
REUSED: Final = """
SELECT fact.key
FROM jsonb_to_recordset(%s::jsonb) AS fact (key text, subject_id uuid, accounts bigint[], amounts numeric(30, 9)[])
JOIN billing_entry AS entry ON entry.idempotency_key = fact.key
CROSS JOIN LATERAL (
    SELECT array_agg(account_id ORDER BY leg) AS accounts, array_agg(amount ORDER BY leg) AS amounts
    FROM billing_posting WHERE entry_id = entry.id
) AS posted
WHERE (entry.kind, entry.subject_id, posted.accounts, posted.amounts)
    IS DISTINCT FROM (%s, fact.subject_id, fact.accounts, fact.amounts)
LIMIT 1
"""


class UnbalancedEntry(Exception):
    """The legs do not sum to zero in one currency, or there are fewer than two."""


class KeyReused(Exception):
    """The key names a fact that was posted with other money: a bug, never silent."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A signed amount for one account; positive is owed to its holder."""

    account: Account
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Posted:
    """What a set did: entries written now, and those that had been written before."""

    written: int
    repeated: int


def post(
    *,
    key: str,
    kind: str,
    legs: Sequence[Leg],
    occurred_at: datetime,
    subject: Subject | None = None,
    memo: str = "",
) -> Entry:
    """Record one balanced entry; replaying the same key is a no-op. Legs of zero are left out, a long memo is cut.

    :raises UnbalancedEntry: the legs cannot be one entry.
    :raises KeyReused: the key was used for other money.
    """
    _require_balance(key, legs)
    subject_kind, subject_id = subject or ("", None)
    fields = {
        "kind": kind,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "memo": memo[:MEMO_LENGTH],
        "occurred_at": occurred_at,
    }
    with transaction.atomic():
        entry, created = Entry.objects.get_or_create(idempotency_key=key, defaults=fields)
        if created:
            _insert_postings(entry, legs)
        elif (entry.kind, entry.subject_id, _posted(entry)) != (kind, subject_id, _not_zero(legs)):
            raise KeyReused(f"{key} was posted before with other money.")
    return entry


def post_from(*, kind: str, subject_kind: str, facts: str, params: Mapping[str, Any]) -> Posted:
    """Record a whole set of entries in one statement; facts that were posted before are no-ops.

    ``facts`` is SQL that yields one row an entry with the columns ``key text, subject_id uuid,
    occurred_at timestamptz, memo text, accounts bigint[], amounts numeric[]``: legs side by side in both
    arrays, zero amounts allowed, nine places at most. It may be an ``UPDATE ... RETURNING`` (with its own WITH
    of plain selects), so that the caller's row and the entry move in the same statement. ``params`` are its
    named parameters.

    :raises KeyReused: a key was used for other money; :raises UnbalancedEntry: an entry has only zeros.
    :raises django.db.IntegrityError: the database found an entry that does not balance.
    """
    values = {**params, "_kind": kind, "_subject_kind": subject_kind}
    with transaction.atomic(), connection.cursor() as cursor:
        written, repeated, again, hollow = _insert(cursor, facts, values)
        if hollow:
            raise UnbalancedEntry(f"{hollow[0]}: every leg is zero.")
        if repeated:
            cursor.execute(REUSED, [again, kind])
            if reused := cursor.fetchone():
                raise KeyReused(f"{reused[0]} was posted before with other money.")
    return Posted(written=written, repeated=repeated)


def reverse(*, key: str, of: Entry, occurred_at: datetime, memo: str) -> Entry:
    """Undo an entry by its mirror image; the ledger keeps both."""
    legs = [
        Leg(posting.account, -posting.amount)
        for posting in of.postings.select_related("account").order_by("leg")
    ]
    subject = (of.subject_kind, of.subject_id) if of.subject_id else None
    return post(
        key=key, kind="reversal", legs=legs, occurred_at=occurred_at, subject=subject, memo=memo
    )


def lock_account(account_id: int) -> Account:
    """Lock an account's row for a spending check; its balance holds until the caller's transaction ends."""
    return Account.objects.select_for_update(no_key=True).get(pk=account_id)


def trial_balance() -> dict[str, Decimal]:
    """Give the sum of all postings by currency: zero, or something is wrong."""
    sums = Posting.objects.values_list("account__currency").annotate(total=Sum("amount"))
    return dict(sums)


def _require_balance(key: str, legs: Sequence[Leg]) -> None:
    if len([leg for leg in legs if leg.amount]) < 2:
        raise UnbalancedEntry(f"{key}: an entry needs two legs that are not zero.")
    if total := sum(leg.amount for leg in legs):
        raise UnbalancedEntry(f"{key}: the legs sum to {total}, not to zero.")
    if len({leg.account.currency for leg in legs}) > 1:
        raise UnbalancedEntry(f"{key}: an entry has one currency; convert through trading.")
    if any(quantize(leg.amount) != leg.amount for leg in legs):
        raise UnbalancedEntry(f"{key}: an amount has more than nine places.")


def _insert(
    cursor: CursorWrapper, facts: str, values: Mapping[str, Any]
) -> tuple[int, int, str | None, list[str] | None]:
    """Give the number of new entries and of repeats, these as JSON, and the keys of entries without money."""
    try:
        with transaction.atomic():
            cursor.execute(POST_FROM.format(facts=facts, **NEW), values)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        cursor.execute(POST_FROM.format(facts=facts, **MISSING), values)
    written, repeated, again, hollow = cursor.fetchone()
    return written, repeated, again, hollow


def _posted(entry: Entry) -> list[tuple[int, Decimal]]:
    return list(entry.postings.order_by("leg").values_list("account_id", "amount"))


def _not_zero(legs: Sequence[Leg]) -> list[tuple[int, Decimal]]:
    return [(leg.account.pk, leg.amount) for leg in legs if leg.amount]


def _insert_postings(entry: Entry, legs: Sequence[Leg]) -> None:
    Posting.objects.bulk_create(
        Posting(entry=entry, leg=number, account_id=account_id, amount=amount)
        for number, (account_id, amount) in enumerate(_not_zero(legs), start=1)
    )
