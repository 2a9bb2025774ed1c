"""What the page of keys shows of each: its budgets with what is spent and held back, and the form that changes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from accounts import hooks
from accounts.forms import BudgetForm
from accounts.models import ApiKey
from accounts.services.api_keys import BUDGET_FIELDS

WORDS: Final = {
    "daily_budget_usd": "Today",
    "monthly_budget_usd": "This month",
    "max_budget_usd": "In all",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One budget of a key in USD, and how full it is; the day and the month are those of UTC."""

    label: str
    budget_usd: Decimal
    spent_usd: Decimal
    held_usd: Decimal

    @property
    def used_usd(self) -> Decimal:
        """What is not free any more."""
        return min(self.budget_usd, self.spent_usd + self.held_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key, its budgets and the form that changes them."""

    key: ApiKey
    budgets: list[Budget]
    form: BudgetForm


def rows(keys: Iterable[ApiKey], *, refused: BudgetForm | None, now: datetime) -> list[KeyRow]:
    """Give the rows of the page; ``refused`` is a form that was sent and would not do."""
    found = list(keys)
    spends = hooks.spend_of(found, now=now)
    return [
        KeyRow(
            key=key,
            budgets=_budgets(key, spends.get(key.pk)),
            form=refused if refused and refused.key.pk == key.pk else BudgetForm(key),
        )
        for key in found
    ]


def _budgets(key: ApiKey, spend: hooks.KeySpend | None) -> list[Budget]:
    nothing = Decimal(0)
    spent = (spend.today_usd, spend.month_usd, spend.total_usd) if spend else (nothing,) * 3
    held = spend.reserved_usd if spend else nothing
    return [
        Budget(label=WORDS[name], budget_usd=budget, spent_usd=amount, held_usd=held)
        for name, amount in zip(BUDGET_FIELDS, spent, strict=True)
        if (budget := getattr(key, name)) is not None
    ]
