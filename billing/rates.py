"""What one TAO costs in USD, with its source and time; each invoice keeps all three."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from core.errors import Unavailable


class RateUnavailable(Unavailable):
    """No source tells the rate now, so nothing can be priced."""

    code = "rate_unavailable"


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for one TAO, as ``source`` told it at ``observed_at``."""

    usd_per_tao: Decimal
    source: str
    observed_at: datetime
    simulated: bool


def current(*, now: datetime) -> Rate:
    """Give the present rate; may ask the network, so never inside a transaction.

    :raises RateUnavailable: no source is known or answers.
    """
    if settings.MARKET_CHAIN != "local":
        raise RateUnavailable(
            "No source of the TAO rate is configured for a real chain.",
            hint="This version takes payments on the local chain only.",
        )
    return Rate(
        usd_per_tao=settings.LOCALCHAIN_USD_PER_TAO,
        source="simulated, set by the operator",
        observed_at=now,
        simulated=True,
    )
