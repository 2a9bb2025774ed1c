"""Whether a round's median may be used: judged before anybody sees it (docs/money.md, The price of TAO).

Pure, save for `move`, which is the only place that assigns the breaker's status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from django.conf import settings

from billing.models import BreakerStatus, RateBreaker, RateEvent
from core import states
from core.actors import Actor
from core.money import quantize

ALLOWED: Final[Mapping[BreakerStatus, frozenset[BreakerStatus]]] = {
    BreakerStatus.CLOSED: frozenset({BreakerStatus.OPEN}),
    BreakerStatus.OPEN: frozenset({BreakerStatus.CLOSED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a price must hold to."""

    stale_after: timedelta
    min_sources: int
    max_spread: Decimal
    max_jump: Decimal
    agreeing_rounds: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a round means: its median, and why it may not be used; empty where it may."""

    usd_per_tao: Decimal
    objection: str


def terms() -> Terms:
    """Give the market's terms."""
    return Terms(
        stale_after=settings.MARKET_RATE_STALE,
        min_sources=settings.MARKET_RATE_MIN_SOURCES,
        max_spread=settings.MARKET_RATE_MAX_SPREAD,
        max_jump=settings.MARKET_RATE_MAX_JUMP,
        agreeing_rounds=settings.MARKET_RATE_AGREEING,
    )


def middle(prices: Sequence[Decimal]) -> Decimal:
    """Give the median; of an even number, the middle between the inner two."""
    return quantize(median(prices))


def judge(prices: Sequence[Decimal], *, accepted: Decimal | None, terms: Terms) -> Verdict:
    """Judge a round of at least one price against the last accepted median."""
    found = middle(prices)
    spread = (max(prices) - min(prices)) / found
    if spread > terms.max_spread:
        return Verdict(found, f"The sources are {_percent(spread)} apart.")
    if accepted is not None and (jump := _change(found, accepted)) > terms.max_jump:
        words = (
            f"The price went from {accepted:.2f} to {found:.2f} USD at once, by {_percent(jump)}."
        )
        return Verdict(found, words)
    return Verdict(found, "")


def agreeing(
    prices: Sequence[Decimal], *, before: Decimal | None, rounds: int, terms: Terms
) -> int:
    """Count the rounds in a row, this one included, whose sources agree with each other and with the round before."""
    if judge(prices, accepted=None, terms=terms).objection:
        return 0
    follows = before is not None and not judge(prices, accepted=before, terms=terms).objection
    return rounds + 1 if follows else 1


def move(
    breaker: RateBreaker,
    *,
    to: BreakerStatus,
    reason: str,
    usd_per_tao: Decimal,
    actor: Actor,
    now: datetime,
) -> None:
    """Open or close it and record why; the caller holds the row lock and saves the row.

    :raises IllegalTransition: it stands there already.
    """
    source = BreakerStatus(breaker.status)
    states.require(ALLOWED, of="breaker", source=source, target=to)
    RateEvent.objects.create(
        breaker=breaker,
        from_status=source,
        to_status=to,
        reason=reason[:500],
        usd_per_tao=usd_per_tao,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        created_at=now,
    )
    breaker.status, breaker.reason, breaker.since = to, reason[:500], now
    breaker.candidate_usd_per_tao, breaker.agreeing_rounds = None, 0


def _change(new: Decimal, old: Decimal) -> Decimal:
    return abs(new - old) / old


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"
