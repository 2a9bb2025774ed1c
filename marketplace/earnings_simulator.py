"""What a machine would earn in 30 days: rent less the fee and the power. Figures in, figures out."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

DAYS: Final = 30
HOURS: Final = Decimal(24 * DAYS)
# What a GPU draws while nobody works on it, as a share of its power.
IDLE_DRAW: Final = Decimal("0.15")
CENT: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A machine and its circumstances; shares are of one, watts are of one GPU at work."""

    gpu_count: int
    price_per_gpu_usd: Decimal
    idle_share: Decimal
    watts: int
    usd_per_kwh: Decimal
    fee_rate: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """USD in 30 days."""

    rent_usd: Decimal
    fee_usd: Decimal
    power_usd: Decimal

    @property
    def net_usd(self) -> Decimal:
        """Give what is left."""
        return self.rent_usd - self.fee_usd - self.power_usd


@dataclass(frozen=True, slots=True)
class Point:
    """What is left at a share of idle time."""

    idle_share: Decimal
    net_usd: Decimal


def forecast(plan: Plan) -> Forecast:
    """Work out 30 days."""
    rented = 1 - plan.idle_share
    rent = plan.gpu_count * plan.price_per_gpu_usd * HOURS * rented
    draw = rented + plan.idle_share * IDLE_DRAW
    kwh = plan.gpu_count * plan.watts * HOURS * draw / 1000
    return Forecast(
        rent_usd=_cents(rent),
        fee_usd=_cents(rent * plan.fee_rate),
        power_usd=_cents(kwh * plan.usd_per_kwh),
    )


def by_idle_share(plan: Plan) -> list[Point]:
    """Work out what is left when the machine is idle for more or less of the time."""
    shares = (Decimal(tenth) / 10 for tenth in range(0, 11, 2))
    return [Point(share, forecast(_idle(plan, share)).net_usd) for share in shares]


def break_even_usd(plan: Plan) -> Decimal | None:
    """Give the price of a GPU-hour at which nothing is left; None while it is never rented."""
    rented = 1 - plan.idle_share
    kept = rented * HOURS * plan.gpu_count * (1 - plan.fee_rate)
    return (forecast(plan).power_usd / kept).quantize(Decimal("0.0001")) if kept else None


def _idle(plan: Plan, share: Decimal) -> Plan:
    return replace(plan, idle_share=share)


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(CENT)
