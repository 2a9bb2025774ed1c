"""Nodes as a page offers them: for how many GPUs, at what price, on whose word."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from billing import rates
from core import money
from marketplace.filters import OfferFilters
from marketplace.models import Node
from marketplace.selectors import offers

FRESH_PROOF: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A node for so many GPUs; ``sample`` is an illustration that cannot be rented."""

    node: Node
    gpu_count: int
    hourly_price_usd: Decimal
    hourly_price_rao: int | None
    evidence: str
    proof_is_fresh: bool
    sample: bool = False


def offer_rows(
    nodes: Iterable[Node], *, gpus: int | None, now: datetime, sample: bool = False
) -> list[Offer]:
    """Offer each node for ``gpus`` GPUs, or for its smallest pod."""
    usd_per_tao = tao_rate(now)
    return [_offer(node, gpus or node.min_gpu_count, usd_per_tao, now, sample) for node in nodes]


def front_page(*, now: datetime, limit: int = 6) -> list[Offer]:
    """Offer the cheapest machines of the market, for the home page."""
    return offer_rows(offers(OfferFilters())[:limit], gpus=None, now=now)


def tao_rate(now: datetime) -> Decimal | None:
    """Give USD per TAO, or None where no source tells it: a price in USD still stands."""
    rate = rates.current_or_none(now=now)
    return rate.usd_per_tao if rate else None


def in_rao(usd: Decimal, usd_per_tao: Decimal | None) -> int | None:
    """Convert a price for show; None without a rate."""
    return None if usd_per_tao is None else money.usd_to_rao(usd, usd_per_tao=usd_per_tao)


def _offer(
    node: Node, gpu_count: int, usd_per_tao: Decimal | None, now: datetime, sample: bool
) -> Offer:
    hourly = node.price_per_gpu_usd * gpu_count
    verified_at = node.last_verified_at
    return Offer(
        node=node,
        gpu_count=gpu_count,
        hourly_price_usd=hourly,
        hourly_price_rao=in_rao(hourly, usd_per_tao),
        evidence="measured" if node.last_seen_at else "claimed",
        proof_is_fresh=verified_at is not None and now - verified_at <= FRESH_PROOF,
        sample=sample,
    )
