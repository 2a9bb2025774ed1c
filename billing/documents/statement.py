"""A month of a workspace's account to keep, or all of it: what pods cost by the day, everything else line by line."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, Min, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts.models import Workspace
from billing import selectors
from billing.documents.document import Column, Document, Table, in_tao, rate_words, usd
from billing.models import Posting
from billing.rates import Rate
from core import clock
from core.errors import Invalid
from core.huid import huid
from core.moments import in_utc

COLUMNS: Final = (
    Column(title="Day (UTC)", width=22),
    Column(title="What", width=92),
    Column(title="Out, USD", width=22, number=True),
    Column(title="In, USD", width=22, number=True),
    Column(title="in TAO", width=28, number=True),
)
DECEMBER: Final = 12
ALL: Final = "all"
MONTHS_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class Line:
    """What moved on a day for one reason; negative is spent."""

    day: date
    what: str
    detail: str
    amount_usd: Decimal


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC."""

    year: int
    number: int

    @classmethod
    def read(cls, text: str, *, now: datetime) -> "Month":
        """Read 2026-11; nothing is the present month.

        :raises Invalid: it is no month.
        """
        try:
            start = in_utc(datetime.strptime(text, "%Y-%m")) if text else now  # noqa: DTZ007 (a month has no zone)
        except ValueError as error:
            raise Invalid(
                f"{text[:20]!r} is no month.", hint="Write it as 2026-11, or leave it out."
            ) from error
        return cls(start.year, start.month)

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def before(self) -> "Month":
        """The month before."""
        return (
            Month(self.year - 1, DECEMBER)
            if self.number == 1
            else Month(self.year, self.number - 1)
        )

    @property
    def end(self) -> datetime:
        """The first moment of the next one."""
        later = self.number == DECEMBER
        return datetime(self.year + later, 1 if later else self.number + 1, 1, tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"


@dataclass(frozen=True, slots=True)
class Whole:
    """All that ever moved."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return "all"


def period(workspace: Workspace, text: str, *, now: datetime) -> Month | Whole:
    """Read 2026-11, or ``all``; nothing is the present month.

    :raises Invalid: it is neither.
    """
    if text != ALL:
        return Month.read(text, now=now)
    first = selectors.first_moved_at(workspace) or now
    start = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Whole(start, now + timedelta(microseconds=1))


def months(workspace: Workspace, *, now: datetime) -> list[Month]:
    """Give the months of which there is something to tell, newest first, two years at most."""
    first = selectors.first_moved_at(workspace)
    found, month = list[Month](), Month(now.year, now.month)
    while first is not None and month.end > first and len(found) < MONTHS_SHOWN:
        found.append(month)
        month = month.before
    return found


def statement_document(
    workspace: Workspace, month: Month | Whole, *, rate: Rate | None, now: datetime
) -> Document:
    """Write a month of a workspace's account, or all of it."""
    postings = selectors.postings_of(workspace)
    before = _total(postings.filter(entry__occurred_at__lt=month.start))
    inside = postings.filter(entry__occurred_at__gte=month.start, entry__occurred_at__lt=month.end)
    lines = sorted([*_usage(inside), *_others(inside)], key=lambda line: line.day)
    after = before + sum((line.amount_usd for line in lines), Decimal(0))
    return Document(
        name=f"statement-{month}",
        title="Whole statement" if isinstance(month, Whole) else f"Statement of {month}",
        made_at=now,
        facts=[
            ("For", f"{workspace.name}, {workspace.public_id}"),
            ("From, to", f"{month.start:%Y-%m-%d} to {_last_day(month):%Y-%m-%d}, UTC"),
            ("Balance before", f"{usd(before, places=4)} USD"),
            ("Balance after", f"{usd(after, places=4)} USD = {in_tao(after, rate)} TAO"),
            ("Rate", rate_words(rate, now=now)),
        ],
        tables=[
            Table(
                title="What moved",
                columns=COLUMNS,
                rows=[*(_row(line, rate) for line in lines), _totals(lines, rate)],
                totalled=True,
            )
        ],
        notes=[
            "What pods cost is summed by pod and day; each entry of the ledger is in the CSV of the whole statement. "
            "Amounts are kept to nine places and shown to four; totals are of the exact figures.",
        ],
        records=[_record(line, rate) for line in lines],
    )


def _last_day(month: Month | Whole) -> datetime:
    return month.end - timedelta(microseconds=1)


def _usage(postings: QuerySet[Posting]) -> list[Line]:
    used = postings.filter(entry__kind=selectors.USAGE)
    days = used.annotate(day=TruncDate("entry__occurred_at", tzinfo=UTC))
    sums = days.values("day", "entry__subject_id").annotate(
        total=Sum("amount"), entries=Count("pk"), first=Min("pk")
    )
    return [_usage_line(row) for row in sums.order_by("day", "first")]


def _usage_line(row: Mapping[str, Any]) -> Line:
    pod = row["entry__subject_id"]
    return Line(
        day=row["day"],
        what=f"Ready time, pod {huid(str(pod))}",
        detail=f"{row['entries']} entries, {pod}",
        amount_usd=row["total"],
    )


def _others(postings: QuerySet[Posting]) -> list[Line]:
    rows = postings.exclude(entry__kind=selectors.USAGE).select_related("entry").order_by("pk")
    return [
        Line(
            day=row.entry.occurred_at.astimezone(UTC).date(),
            what=selectors.TITLES.get(row.entry.kind, row.entry.kind.capitalize()),
            detail=row.entry.memo,
            amount_usd=row.amount,
        )
        for row in rows
    ]


def _row(line: Line, rate: Rate | None) -> list[str]:
    spent = line.amount_usd < 0
    amount = usd(abs(line.amount_usd), places=4)
    return [
        f"{line.day:%Y-%m-%d}",
        f"{line.what}\n{line.detail}" if line.detail else line.what,
        amount if spent else "",
        "" if spent else amount,
        in_tao(line.amount_usd, rate),
    ]


def _totals(lines: list[Line], rate: Rate | None) -> list[str]:
    spent = sum((line.amount_usd for line in lines if line.amount_usd < 0), Decimal(0))
    came = sum((line.amount_usd for line in lines if line.amount_usd > 0), Decimal(0))
    return [
        "Total",
        "",
        usd(-spent, places=4),
        usd(came, places=4),
        in_tao(spent + came, rate),
    ]


def _record(line: Line, rate: Rate | None) -> Mapping[str, str]:
    return {
        "day": line.day.isoformat(),
        "what": line.what,
        "detail": line.detail,
        "amount_usd": f"{line.amount_usd:.9f}",
        "amount_tao": in_tao(line.amount_usd, rate) if rate else "",
        "usd_per_tao": f"{rate.usd_per_tao:.9f}" if rate else "",
        "rate_source": rate.source if rate else "",
        "rate_observed_at": (clock.iso(rate.observed_at) or "") if rate else "",
    }


def _total(postings: QuerySet[Posting]) -> Decimal:
    return postings.aggregate(total=Sum("amount"))["total"] or Decimal(0)
