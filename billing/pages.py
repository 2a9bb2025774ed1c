"""What the billing pages show, ready for the templates."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.core.paginator import Page, Paginator

from accounts.models import Workspace
from billing import hooks, selectors
from billing.documents.statement import months
from billing.rates import Rate
from billing.selectors import StatementLine

LINES_PER_PAGE: Final = 50
INVOICES_SHOWN: Final = 10
OFTEN_CHOSEN: Final = (Decimal(10), Decimal(25), Decimal(50), Decimal(100))


class StatementPages(Sequence[StatementLine]):
    """A workspace's statement as the paginator wants it: a length, and slices."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def __len__(self) -> int:
        return selectors.statement_size(self.workspace)

    def __getitem__(self, place: Any) -> Any:
        lines = selectors.statement_slice(self.workspace, start=place.start, stop=place.stop)
        return [described(line) for line in lines]


def overview(workspace: Workspace, *, page: str, now: datetime) -> dict[str, Any]:
    """Give the billing page."""
    balance, burn = selectors.balance_usd(workspace), hooks.burn_of(workspace)
    lasts = selectors.runway(balance, burn.usd_per_hour)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return {
        "balance_usd": balance,
        "burn_usd_per_hour": burn.usd_per_hour,
        "running_pods": burn.running_pods,
        "runway": lasts,
        "runs_until": selectors.runs_until(lasts, now=now),
        "spent_day_usd": selectors.spent_since(workspace, now - timedelta(days=1)),
        "spent_month_usd": selectors.spent_since(workspace, month),
        "ladder": hooks.ladder_of(workspace, now=now),
        "invoices": selectors.latest_invoices(workspace, limit=INVOICES_SHOWN),
        "statement": statement_page(workspace, page),
        "months": [str(month) for month in months(workspace, now=now)],
    }


def statement_page(workspace: Workspace, page: str) -> Page[Any]:
    """Give a page of the statement by its number; anything else is the first or the last."""
    return Paginator(StatementPages(workspace), LINES_PER_PAGE).get_page(page)


def described(line: StatementLine) -> dict[str, Any]:
    """Give a line of the statement with the address of what it is about."""
    url = hooks.subject_url(line.subject_kind, line.subject_id) if line.subject_id else ""
    return {
        "at": line.at,
        "description": line.description,
        "detail": line.detail,
        "url": url,
        "debit_usd": line.debit_usd,
        "credit_usd": line.credit_usd,
        "balance_usd": line.balance_usd,
    }


def checkout(workspace: Workspace, *, rate: Rate | None) -> dict[str, Any]:
    """Give the page that asks for an amount."""
    burn = hooks.burn_of(workspace).usd_per_hour
    finality = settings.LOCALCHAIN_FINALITY_BLOCKS + 1
    return {
        "suggestions": [
            {"usd_amount": usd, "lasts": selectors.runway(usd, burn)} for usd in OFTEN_CHOSEN
        ],
        "rate": rate,
        "invoice_life": settings.MARKET_INVOICE_LIFE,
        "finality": timedelta(seconds=finality * (settings.LOCALCHAIN_BLOCK_SECONDS or 1)),
    }
