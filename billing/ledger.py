"""The one writer of the ledger: balanced, append-only entries in one currency (docs/money.md).

Two doors: `post` for one entry, `post_from` for a set in one statement. Both join the caller's transaction.
The database proves every entry again (migration 0002), so that a mistake here cannot be stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from billing.models import Account, Entry, Posting
from core.money import quantize

Subject = tuple[str, UUID]

# Facts are written, numbered without their zero legs, and those that were there before are handed back. Ids are drawn
# before, so that postings find their entries by a number: by their keys, a tick sorts them on disk.
POST_FROM = """
WITH facts AS MATERIALIZED ({facts}),
signed AS MATERIALIZED (
    SELECT nextval('billing_entry_id_seq') AS id, f.*, encode(sha256(convert_to(concat_ws('|', %(_kind)s::text, coalesce(subject_id::text, ''),
        array_to_string(accounts, ','), array_to_string(amounts::numeric(30, 9)[], ',')), 'UTF8')), 'hex')
        AS fingerprint
    FROM facts f
),
entries AS (
    INSERT INTO billing_entry
        (id, idempotency_key, fingerprint, kind, subject_kind, subject_id, memo, occurred_at)
    SELECT id, key, fingerprint, %(_kind)s, %(_subject_kind)s, subject_id, memo, occurred_at FROM signed
    ON CONFLICT (idempotency_key) DO NOTHING
    RETURNING id
),
postings AS (
    INSERT INTO billing_posting (entry_id, leg, account_id, amount)
    SELECT s.id, l.leg, l.account_id, l.amount
    FROM entries e JOIN signed s ON s.id = e.id
    CROSS JOIN LATERAL (
        SELECT row_number() OVER () AS leg, u.account_id, u.amount
        FROM unnest(s.accounts, s.amounts) AS u (account_id, amount) WHERE u.amount <> 0
    ) l
),
repeated AS (
    SELECT s.key, s.fingerprint FROM signed s
    WHERE NOT EXISTS (SELECT FROM entries e WHERE e.id = s.id)
)
SELECT (SELECT count(*) FROM entries),
       (SELECT key FROM signed WHERE 0 = ALL (amounts) LIMIT 1),
       (SELECT array_agg(key) FROM repeated),
       (SELECT array_agg(fingerprint) FROM repeated)
"""
REUSED = """
SELECT r.key FROM unnest(%s::text[], %s::text[]) AS r (key, fingerprint)
JOIN billing_entry e ON e.idempotency_key = r.key WHERE e.fingerprint <> r.fingerprint LIMIT 1
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
    """Record one balanced entry; replaying the same key is a no-op. Legs of zero are left out.

    :raises UnbalancedEntry: the legs cannot be one entry.
    :raises KeyReused: the key was used for other money.
    """
    _require_balance(key, legs)
    subject_kind, subject_id = subject or ("", None)
    fields = {
        "fingerprint": _fingerprint(kind, subject_id, legs),
        "kind": kind,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "memo": memo,
        "occurred_at": occurred_at,
    }
    with transaction.atomic():
        entry, created = Entry.objects.get_or_create(idempotency_key=key, defaults=fields)
        if created:
            _insert_postings(entry, legs)
        elif entry.fingerprint != fields["fingerprint"]:
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
        cursor.execute(POST_FROM.format(facts=facts), values)
        written, hollow, keys, fingerprints = cursor.fetchone()
        if hollow is not None:
            raise UnbalancedEntry(f"{hollow}: every leg is zero.")
        if keys:
            cursor.execute(REUSED, [keys, fingerprints])
            if reused := cursor.fetchone():
                raise KeyReused(f"{reused[0]} was posted before with other money.")
    return Posted(written=written, repeated=len(keys or ()))


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


def _fingerprint(kind: str, subject_id: UUID | None, legs: Sequence[Leg]) -> str:
    accounts = ",".join(str(leg.account.pk) for leg in legs)
    amounts = ",".join(f"{leg.amount + 0:.9f}" for leg in legs)
    return sha256(f"{kind}|{subject_id or ''}|{accounts}|{amounts}".encode()).hexdigest()


def _insert_postings(entry: Entry, legs: Sequence[Leg]) -> None:
    counted = enumerate((leg for leg in legs if leg.amount), start=1)
    Posting.objects.bulk_create(
        Posting(entry=entry, leg=number, account=leg.account, amount=leg.amount)
        for number, leg in counted
    )
