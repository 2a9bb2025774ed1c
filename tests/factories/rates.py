"""Prices of TAO that were accepted, without a round."""

from datetime import datetime
from decimal import Decimal

from billing.models import RateBreaker
from billing.rates import Observation
from billing.rates.chain import SIMULATED
from billing.rates.current import PAIR, rate_of
from core import clock

USD_PER_TAO = Decimal(350)


def price_is(usd: Decimal = USD_PER_TAO, *, at: datetime | None = None) -> RateBreaker:
    """Let a price have been accepted now, or at a moment."""
    at = at or clock.now()
    rate = rate_of([Observation(SIMULATED, usd, at, simulated=True)])
    breaker, _ = RateBreaker.objects.update_or_create(
        pair=PAIR,
        defaults={
            "status": "closed",
            "since": at,
            "usd_per_tao": rate.usd_per_tao,
            "accepted_at": at,
            "observations": rate.as_json(),
        },
    )
    return breaker
