"""Reads of the ledger for pages and API: balance, statement, spending."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet, Sum, Window

from accounts.models import Workspace
from billing import hooks
from billing.models import Account, AccountKind, Deposit, Invoice, Posting
from core.huid import huid
from core.money import SECONDS_PER_HOUR, USD

USAGE: Final = "usage"
LONGEST_RUNWAY: Final = timedelta(days=3650)
TITLES: Final = {
    "usage": "Ready time",
    "grant": "Credit",
    "deposit": "TAO deposit",
    "reversal": "Correction",
    "refund": "Refund",
    "closing": "Closed team",
}


@dataclass(frozen=True, slots=True)
class Wallet:
    """A balance in USD, and what ready pods draw from it an hour."""

    balance_usd: Decimal
    burn_usd: Decimal

    @property
    def lasts(self) -> timedelta | None:
        """How long it lasts; None while nothing is drawn."""
        return runway(self.balance_usd, self.burn_usd)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry of a workspace's account: money out or in, and the balance after it."""

    id: int
    at: datetime
    kind: str
    description: str
    detail: str
    subject_kind: str
    subject_id: UUID | None
    debit_usd: Decimal | None
    credit_usd: Decimal | None
    balance_usd: Decimal


def balance_usd(workspace: Workspace) -> Decimal:
    """Give what a workspace can spend, in USD."""
    account = renter_account_of(workspace)
    return account.balance if account else Decimal(0)


def renter_account_of(workspace: Workspace) -> Account | None:
    """Give a workspace's account, if it has one yet."""
    return Account.objects.filter(
        workspace=workspace, kind=AccountKind.RENTER, currency=USD
    ).first()


def granted_usd(account_ids: Collection[int]) -> dict[int, Decimal]:
    """Give what each account was ever given as credit, by primary key; one without credits is left out."""
    credits = Posting.objects.filter(account__kind=AccountKind.GRANTS).values("entry")
    rows = Posting.objects.filter(entry__in=credits, account__in=account_ids)
    return dict(rows.values_list("account").annotate(total=Sum("amount")))


def statement(
    workspace: Workspace, *, limit: int, before: int | None = None
) -> list[StatementLine]:
    """Give the newest lines, or those before the line ``before``; two queries however long the history is."""
    rows = postings_of(workspace)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    page = list(rows.select_related("entry").order_by("-pk")[:limit])
    if not page:
        return []
    balance = rows.filter(pk__lte=page[0].pk).aggregate(total=Sum("amount"))["total"]
    return list(_with_balance(page, balance))


def statement_size(workspace: Workspace) -> int:
    """Count a workspace's entries."""
    return postings_of(workspace).count()


def statement_slice(workspace: Workspace, *, start: int, stop: int) -> list[StatementLine]:
    """Give lines by place, newest first, for a numbered page."""
    rows = postings_of(workspace).order_by("-pk")
    first = rows.values_list("pk", flat=True)[start : start + 1].first()
    return [] if first is None else statement(workspace, limit=stop - start, before=first + 1)


def whole_statement(workspace: Workspace) -> Iterator[StatementLine]:
    """Give every line, oldest first, without holding them all."""
    rows = postings_of(workspace).select_related("entry").order_by("pk")
    running = Window(Sum("amount"), order_by="pk")
    for row in rows.annotate(after=running).iterator(chunk_size=2000):
        yield _line(row, row.after)


def spent_since(workspace: Workspace, since: datetime) -> Decimal:
    """Give what pods cost a workspace since a moment, in USD."""
    usage = postings_of(workspace).filter(entry__kind=USAGE, entry__occurred_at__gte=since)
    return -(usage.aggregate(total=Sum("amount"))["total"] or Decimal(0))


def wallet(workspace: Workspace) -> Wallet:
    """Give what the frame of a page shows of a balance; a push has it too, so that it moves."""
    return Wallet(balance_usd(workspace), hooks.burn_of(workspace).usd_per_hour)


def runway(balance: Decimal, usd_per_hour: Decimal) -> timedelta | None:
    """Give how long a balance lasts, ten years at most; None while nothing is drawn."""
    if usd_per_hour <= 0:
        return None
    seconds = max(Decimal(0), balance) * SECONDS_PER_HOUR / usd_per_hour
    return timedelta(seconds=int(min(seconds, Decimal(LONGEST_RUNWAY // timedelta(seconds=1)))))


def runs_until(lasts: timedelta | None, *, now: datetime) -> datetime | None:
    """Give when a balance is used up; None while nothing is drawn, and where that is further away than anybody plans."""
    return now + lasts if lasts is not None and lasts < LONGEST_RUNWAY else None


def latest_invoices(workspace: Workspace, *, limit: int) -> QuerySet[Invoice]:
    """Give a workspace's newest invoices."""
    return Invoice.objects.filter(workspace=workspace).order_by("-pk")[:limit]


def deposits_of(invoice: Invoice) -> QuerySet[Deposit]:
    """Give the transfers to an invoice's address, newest first."""
    return invoice.deposits.order_by("-block_number", "-event_index", "-pk")


def deposits_for(workspace: Workspace) -> QuerySet[Deposit]:
    """Give everything that came for a workspace, or was credited to it, newest first."""
    mine = Deposit.objects.filter(Q(workspace=workspace) | Q(credited_workspace=workspace))
    return mine.select_related("invoice", "standing_address", "workspace").order_by("-pk")


def credited_to(workspace: Workspace) -> QuerySet[Deposit]:
    """Give the deposits that are on a workspace's balance."""
    return Deposit.objects.filter(credited_workspace=workspace)


def first_moved_at(workspace: Workspace) -> datetime | None:
    """Give when a workspace's account first moved; None where it never did."""
    first = postings_of(workspace).select_related("entry").order_by("pk").first()
    return first.entry.occurred_at if first else None


def postings_of(workspace: Workspace) -> QuerySet[Posting]:
    """Give every posting of a workspace's account."""
    account = renter_account_of(workspace)
    return Posting.objects.filter(account=account) if account else Posting.objects.none()


def _with_balance(rows: Iterable[Posting], balance: Decimal) -> Iterator[StatementLine]:
    for row in rows:
        yield _line(row, balance)
        balance -= row.amount


def _line(row: Posting, balance: Decimal) -> StatementLine:
    entry, credit = row.entry, row.amount > 0
    is_pod = entry.subject_kind == "pod" and entry.subject_id is not None
    title = TITLES.get(entry.kind, entry.kind.capitalize())
    return StatementLine(
        id=row.pk,
        at=entry.occurred_at,
        kind=entry.kind,
        description=f"{title}, pod {huid(str(entry.subject_id))}" if is_pod else title,
        detail=entry.memo,
        subject_kind=entry.subject_kind,
        subject_id=entry.subject_id,
        debit_usd=None if credit else -row.amount,
        credit_usd=row.amount if credit else None,
        balance_usd=balance,
    )
