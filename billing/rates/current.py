"""The price of TAO as everybody may use it: stored rows alone, so that nothing waits for a feed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from billing.models import BreakerStatus, RateBreaker
from billing.rates import breaker
from core import clock
from core.errors import Unavailable

PAIR: Final = "TAO/USD"
LONGEST_WORDS: Final = 100


class RateUnavailable(Unavailable):
    """There is no price of TAO that may be used now, so nothing can be priced in it."""

    code = "rate_unavailable"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one source told: USD for one TAO, at ``observed_at``."""

    source: str
    usd_per_tao: Decimal
    observed_at: datetime
    simulated: bool

    def as_json(self) -> dict[str, Any]:
        """Write it as rows keep it: the price as exact text."""
        return {
            "source": self.source,
            "usd_per_tao": f"{self.usd_per_tao:f}",
            "observed_at": clock.iso(self.observed_at),
            "simulated": self.simulated,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Observation":
        """Read it back."""
        return cls(
            source=row["source"],
            usd_per_tao=Decimal(row["usd_per_tao"]),
            observed_at=datetime.fromisoformat(row["observed_at"]),
            simulated=row["simulated"],
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for one TAO: the median of the observations, as old as the oldest of them."""

    usd_per_tao: Decimal
    source: str
    observed_at: datetime
    simulated: bool
    observations: tuple[Observation, ...] = ()

    def as_json(self) -> list[dict[str, Any]]:
        """Write the observations as an invoice, a deposit or a payout keeps them."""
        return [one.as_json() for one in self.observations]


def current(*, now: datetime) -> Rate:
    """Give the present rate, from stored rows.

    :raises RateUnavailable: no source told one lately, or the breaker is open.
    """
    held = RateBreaker.objects.filter(pair=PAIR).first()
    if held is not None and held.status == BreakerStatus.OPEN:
        raise RateUnavailable(
            f"There is no price of TAO now. {held.reason}",
            hint="Nothing is charged. It comes back once the sources agree; try again in some minutes.",
        )
    terms = breaker.terms()
    told = [Observation.from_json(row) for row in held.observations] if held else []
    fresh = [one for one in told if one.observed_at >= now - terms.stale_after]
    if not fresh or len(fresh) < terms.min_sources:
        raise RateUnavailable(
            "There is no price of TAO now: too few of its sources answer.",
            hint="Nothing is charged, and what runs goes on. Try again in some minutes.",
        )
    return rate_of(fresh)


def current_or_none(*, now: datetime) -> Rate | None:
    """Give the present rate, or None where there is none: a price in USD still stands."""
    try:
        return current(now=now)
    except RateUnavailable:
        return None


def rate_of(observations: Sequence[Observation]) -> Rate:
    """Give the rate that observations make."""
    return Rate(
        usd_per_tao=breaker.middle([one.usd_per_tao for one in observations]),
        source=_words([one.source for one in observations]),
        observed_at=min(one.observed_at for one in observations),
        simulated=any(one.simulated for one in observations),
        observations=tuple(observations),
    )


def _words(sources: Sequence[str]) -> str:
    if len(sources) == 1:
        return sources[0]
    words = f"median of {', '.join(sorted(sources))}"
    return words if len(words) <= LONGEST_WORDS else f"median of {len(sources)} sources"
