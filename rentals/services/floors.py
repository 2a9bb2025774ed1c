"""What a balance must exceed before another pod may start."""

from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db.models import Sum

from accounts.models import Workspace
from billing.models import Account, AccountKind
from core.errors import Forbidden
from core.money import USD, charge_for
from rentals.models import RESTARTING, UP, Pod, PodStatus

# They cost something, or will without anybody asking again.
OPEN: Final = UP | RESTARTING | {PodStatus.PENDING}


class DebtElsewhere(Forbidden):
    """The workspace's owner owes for another one, which a new workspace would leave behind."""

    code = "debt_elsewhere"


class InsufficientBalance(Forbidden):
    """The balance does not cover the floor of all open pods and this one."""

    code = "insufficient_balance"


def floor_of(hourly_price_usd: Decimal) -> Decimal:
    """Give the price of the balance floor's minutes, in USD."""
    seconds = Decimal(settings.MARKET_BALANCE_FLOOR.total_seconds())
    return charge_for(hourly=hourly_price_usd, seconds=seconds)


def required_usd(workspace: Workspace, *, hourly_price_usd: Decimal) -> Decimal:
    """Give what the balance must exceed for one more pod at this price."""
    return floor_of(hourly_price_usd + _open_burn(workspace))


def require(workspace: Workspace, *, balance_usd: Decimal, hourly_price_usd: Decimal) -> None:
    """Refuse a pod that the balance does not carry, and one of an owner who owes elsewhere.

    :raises InsufficientBalance: with both figures in the words that the published client reads.
    :raises DebtElsewhere: another workspace of the same owner is below zero.
    """
    _refuse_debtor(workspace)
    required = required_usd(workspace, hourly_price_usd=hourly_price_usd)
    if balance_usd > required:
        return
    minutes = int(settings.MARKET_BALANCE_FLOOR.total_seconds() // 60)
    raise InsufficientBalance(
        f"Insufficient balance. The pod costs ${hourly_price_usd:.4f} an hour, and renting it "
        f"requires at least ${required:.4f} ({minutes} minutes of every open pod and of this one). "
        f"Your balance is ${balance_usd:.4f}.",
        hint="Add funds on the billing page, or remove a pod that you do not need.",
        data={
            "required_usd": float(required),
            "balance_usd": float(balance_usd),
            "missing_usd": float(required - balance_usd),
        },
    )


def _refuse_debtor(workspace: Workspace) -> None:
    owed = Account.objects.filter(kind=AccountKind.RENTER, currency=USD, balance__lt=0)
    elsewhere = owed.filter(workspace__owner=workspace.owner_id).exclude(workspace=workspace)
    if elsewhere.exists():
        raise DebtElsewhere(
            "The owner of this workspace has another one whose balance is below zero.",
            hint="Its owner sees which on the billing pages; once it is paid, rent again.",
        )


def _open_burn(workspace: Workspace) -> Decimal:
    opened = Pod.objects.filter(workspace=workspace, status__in=OPEN)
    return opened.aggregate(total=Sum("hourly_price_usd"))["total"] or Decimal(0)
