"""A provider's statement: every entry of its account with the balance after it, and how each payout went."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum, Window

from billing import payables
from billing.accounts import provider_account
from billing.models import Payout, Posting
from core.money import rao_to_tao
from marketplace.models import Provider
from marketplace.selectors.earnings import TITLES

CHUNK = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry; the last five are a payout's, and empty for everything else."""

    at: datetime
    kind: str
    description: str
    subject_kind: str
    subject_id: UUID | None
    amount_usd: Decimal
    balance_usd: Decimal
    status: str = ""
    tao: Decimal | None = None
    usd_per_tao: Decimal | None = None
    coldkey: str = ""
    extrinsic: str = ""


def lines(provider: Provider) -> Iterator[Line]:
    """Give every line, oldest first, without holding them all."""
    account = provider_account(provider.public_id)
    payouts = {one.public_id: one for one in payables.payouts_of(provider.public_id)}
    rows = Posting.objects.filter(account=account).select_related("entry").order_by("pk")
    after = Window(Sum("amount"), order_by="pk")
    for row in rows.annotate(after=after).iterator(chunk_size=CHUNK):
        payout = payouts.get(row.entry.subject_id) if row.entry.subject_id else None
        yield _line(row, row.after, payout)


def _line(row: Posting, after: Decimal, payout: Payout | None) -> Line:
    entry = row.entry
    line = Line(
        at=entry.occurred_at,
        kind=entry.kind,
        description=entry.memo or TITLES.get(entry.kind, entry.kind.capitalize()),
        subject_kind=entry.subject_kind,
        subject_id=entry.subject_id,
        amount_usd=row.amount,
        balance_usd=after,
    )
    return line if payout is None else _with(line, payout)


def _with(line: Line, payout: Payout) -> Line:
    return replace(
        line,
        status=payout.status,
        tao=rao_to_tao(payout.rao),
        usd_per_tao=payout.batch.rate_usd_per_tao,
        coldkey=payout.coldkey,
        extrinsic=payout.transfer.extrinsic_hash if payout.transfer else "",
    )
