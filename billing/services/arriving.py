"""Payments that a block holds and that are not final yet: what they will be worth, so that nobody is cut off meanwhile."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from billing import rates
from billing.models import Deposit, DepositStatus
from core.money import rao_to_tao, rao_to_usd


def arriving_usd(*, now: datetime) -> dict[int, Decimal]:
    """Give what is under way in USD, by workspace: at the invoice's rate, else at the present one.

    Left out is what nobody can tell the worth of now (alpha, whose price is the chain's to tell, and everything
    without a rate), and what is too small to be credited.
    """
    seen = Deposit.objects.filter(
        status=DepositStatus.SEEN, workspace__isnull=False, netuid__isnull=True
    )
    present = rates.current_or_none(now=now)
    present_usd = present.usd_per_tao if present else None
    coming: defaultdict[int, Decimal] = defaultdict(Decimal)
    for deposit in seen.select_related("invoice"):
        rate = deposit.invoice.rate_usd_per_tao if deposit.invoice else present_usd
        dust = not deposit.invoice and (
            rao_to_tao(deposit.amount_rao) < settings.MARKET_MIN_DEPOSIT_TAO
        )
        if rate is not None and deposit.workspace_id is not None and not dust:
            coming[deposit.workspace_id] += rao_to_usd(deposit.amount_rao, usd_per_tao=rate)
    return dict(coming)
