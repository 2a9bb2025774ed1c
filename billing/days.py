"""What providers' accounts moved by day: sums that the postings keep themselves, one row a day and kind of entry."""

from datetime import date
from typing import Final

from django.db import connection
from django.db.models import QuerySet

from billing.models import AccountDay

# Each day is worked out again from the postings; both sides of a difference are named.
DIFFERENT: Final = """
WITH found AS (
    SELECT mine.account_id, (entry.occurred_at AT TIME ZONE 'UTC')::date AS day, entry.kind, entry.subject_kind,
        count(*) AS entries, sum(mine.amount) AS amount, coalesce(sum(fees.amount), 0) AS fee
    FROM billing_posting mine
    JOIN billing_account account ON account.id = mine.account_id AND account.kind = 'provider'
    JOIN billing_entry entry ON entry.id = mine.entry_id
    LEFT JOIN (
        SELECT entry_id, sum(amount) AS amount
        FROM billing_posting JOIN billing_account platform ON platform.id = account_id AND platform.kind = 'fee'
        GROUP BY entry_id
    ) AS fees ON fees.entry_id = mine.entry_id
    GROUP BY 1, 2, 3, 4
), stored AS (
    SELECT account_id, day, kind, subject_kind, entries::bigint, amount, fee FROM billing_accountday
)
SELECT DISTINCT account.code, different.day
FROM ((TABLE found EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE found)) AS different
JOIN billing_account account ON account.id = different.account_id
ORDER BY 1, 2 LIMIT %s
"""


def of(account_id: int, *, since: date, until: date) -> QuerySet[AccountDay]:
    """Give the rows of an account's days, newest first, both ends included; one index, a few rows a day."""
    rows = AccountDay.objects.filter(account_id=account_id, day__range=(since, until))
    return rows.order_by("-day", "kind", "subject_kind")


def different(*, limit: int) -> list[tuple[str, date]]:
    """Name the accounts and days whose sums are not those of their postings."""
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENT, [limit])
        return [(code, day) for code, day in cursor.fetchall()]
