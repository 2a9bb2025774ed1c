"""`/metrics`: what an operator's monitoring watches, in the text form of Prometheus.

Nothing is kept here: each figure is read where it is true. What is not known is left out, never zero.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from billing.models import (
    OPEN_TRANSFERS,
    BatchStatus,
    Deposit,
    DepositStatus,
    OutgoingTransfer,
    Payout,
    PayoutBatch,
    PayoutStatus,
)
from billing.services import reconciling
from billing.services.alarms import open_alarms
from core import clock
from core.errors import NotFound
from lium_site import operations

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
WAITING: Final = (DepositStatus.UNMATCHED, DepositStatus.REFUND_REQUESTED)


@dataclass(frozen=True, slots=True)
class Sample:
    """A figure of a gauge, told apart from others by its labels."""

    name: str
    value: int | float | Decimal
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        labels = ",".join(f'{name}="{_escaped(text)}"' for name, text in self.labels.items())
        return f"{self.name}{{{labels}}} {self.value}" if labels else f"{self.name} {self.value}"


HELP: Final[Mapping[str, str]] = {
    "market_chain_alarms_open": "Final blocks that were replaced and that nobody has decided on.",
    "market_chain_best_height": "Newest block that was seen.",
    "market_chain_read_height": "Newest final block whose transfers are booked.",
    "market_chain_read_age_seconds": "Seconds since the chain was last read.",
    "market_deposits_waiting": "Deposits that wait for an administrator.",
    "market_transfers_open": "Outgoing transfers that are not final or failed.",
    "market_transfers_oldest_open_seconds": "Seconds since the oldest of them was planned.",
    "market_payouts_in_payment_usd": "What is approved and on its way to providers.",
    "market_payout_batches_proposed": "Batches of payouts that wait for a second administrator.",
    "market_ledger_imbalance": "Sum of all account balances; zero, or something is wrong.",
    "market_reconciliation_difference_rao": "What nothing explains between ledger and chain.",
    "market_alerts_open": "What operators were told and what is not over.",
    "market_queue_depth": "Messages that wait for a worker.",
}


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures to who has the token of MARKET_METRICS_TOKEN.

    :raises NotFound: there is no token, or another was sent.
    """
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    wanted = settings.METRICS_TOKEN
    if not wanted or not hmac.compare_digest(sent.encode(), wanted.encode()):
        raise NotFound("There is nothing here.")
    return HttpResponse(exposition(samples(now=clock.now())), content_type=CONTENT_TYPE)


def exposition(found: Iterable[Sample]) -> str:
    """Write samples, those of one name together under its help."""
    by_name: dict[str, list[Sample]] = {name: [] for name in HELP}
    for sample in found:
        by_name[sample.name].append(sample)
    lines = (
        line
        for name, several in by_name.items()
        if several
        for line in (f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", *map(str, several))
    )
    return "\n".join([*lines, ""])


def samples(*, now: datetime) -> Iterator[Sample]:
    """Read every figure."""
    yield Sample("market_chain_alarms_open", open_alarms().count())
    yield from _chain(now)
    yield from _deposits()
    yield from _leaving(now)
    for currency, total in operations.balances_by_currency().items():
        yield Sample("market_ledger_imbalance", total, {"currency": currency})
    yield from _reconciliation()
    for alert in operations.alerts():
        yield Sample("market_alerts_open", 1, {"kind": alert.kind, "id": str(alert.pk)})
    for queue in operations.queues():
        yield Sample("market_queue_depth", queue.depth, {"queue": queue.name})


def _chain(now: datetime) -> Iterator[Sample]:
    if read := operations.chain():
        yield Sample("market_chain_best_height", read.height)
        yield Sample("market_chain_read_height", read.cursor_height)
        yield Sample("market_chain_read_age_seconds", (now - read.read_at).total_seconds())


def _deposits() -> Iterator[Sample]:
    waiting = Deposit.objects.filter(status__in=WAITING).values("status", "held_for")
    for row in waiting.annotate(count=Count("pk")).order_by("status", "held_for"):
        labels = {"status": row["status"], "held_for": row["held_for"]}
        yield Sample("market_deposits_waiting", row["count"], labels)


def _leaving(now: datetime) -> Iterator[Sample]:
    still_open = OutgoingTransfer.objects.filter(status__in=OPEN_TRANSFERS)
    grouped = still_open.values("kind", "status").annotate(
        count=Count("pk"), since=Min("created_at")
    )
    for row in grouped.order_by("kind", "status"):
        labels = {"kind": row["kind"], "status": row["status"]}
        yield Sample("market_transfers_open", row["count"], labels)
        age = (now - row["since"]).total_seconds()
        yield Sample("market_transfers_oldest_open_seconds", age, labels)
    approved = Payout.objects.filter(status=PayoutStatus.APPROVED).aggregate(usd=Sum("usd"))
    yield Sample("market_payouts_in_payment_usd", approved["usd"] or 0)
    proposed = PayoutBatch.objects.filter(status=BatchStatus.PROPOSED)
    yield Sample("market_payout_batches_proposed", proposed.count())


def _reconciliation() -> Iterator[Sample]:
    found = reconciling.latest()
    for line in found.lines.all() if found else ():
        if line.difference_rao is not None:
            labels = {"key": line.key, "address": line.address, "currency": line.currency}
            yield Sample("market_reconciliation_difference_rao", line.difference_rao, labels)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
