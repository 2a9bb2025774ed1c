"""The billing statement: what the ledger took from a workspace, by pod and UTC day."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Max, QuerySet, Sum
from django.db.models.functions import TruncDate

from billing.models import Posting
from core.money import seconds_for
from rentals.models import Pod
from rentals.services import metering

Charge = tuple[UUID, date, Decimal, datetime]

# Texts that no statement shows.
UNREAD: Final = ("authorized_keys", "environment", "startup_commands", "host_private_key_encrypted")


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days, both inclusive; None is open."""

    start: date | None = None
    end: date | None = None


@dataclass(slots=True)
class PodStatement:
    """The charges of one pod in the period, with the seconds that they pay for."""

    pod: Pod
    last_charged_at: datetime
    total_usd: Decimal = Decimal(0)
    days: list[tuple[date, Decimal]] = field(default_factory=list)

    def seconds(self, amount_usd: Decimal) -> Decimal:
        """Give the ready seconds that an amount pays for: a pod has one price for life."""
        return seconds_for(amount_usd, hourly=self.pod.hourly_price_usd)


def read(pods: QuerySet[Pod], *, period: Period) -> list[PodStatement]:
    """List the charges for the given pods, most recently charged first, removed ones included.

    A charge belongs to the day on which the time that it pays for ended.
    """
    rows = pods.select_related("node__gpu_model", "api_key", "meter").defer(*UNREAD)
    by_id = {pod.public_id: pod for pod in rows}
    statements: dict[UUID, PodStatement] = {}
    for subject, day, amount, until in _charges(by_id, period):
        row = statements.setdefault(subject, PodStatement(by_id[subject], until))
        row.days.append((day, -amount))
        row.total_usd -= amount
        row.last_charged_at = max(row.last_charged_at, until)
    return sorted(statements.values(), key=lambda row: row.last_charged_at, reverse=True)


def _charges(by_id: dict[UUID, Pod], period: Period) -> Iterable[Charge]:
    accounts = {pod.meter.renter_account_id for pod in by_id.values()}
    charges = Posting.objects.filter(
        account__in=accounts,
        entry__subject_kind=metering.SUBJECT,
        entry__subject_id__in=by_id,
    )
    if period.start:
        charges = charges.filter(entry__occurred_at__gte=_midnight(period.start))
    if period.end:
        charges = charges.filter(entry__occurred_at__lt=_midnight(period.end + timedelta(days=1)))
    days = charges.annotate(day=TruncDate("entry__occurred_at", tzinfo=UTC))
    grouped = days.values_list("entry__subject_id", "day").order_by("entry__subject_id", "day")
    return grouped.annotate(amount=Sum("amount"), until=Max("entry__occurred_at"))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
