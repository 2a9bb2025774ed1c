"""Money: Decimal with nine places in every currency; rounded here and nowhere else."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Final

PLACES: Final = 9
QUANTUM: Final = Decimal(1).scaleb(-PLACES)
SECONDS_PER_HOUR: Final = 3600
MILLISECOND: Final = Decimal("0.001")
USD: Final = "USD"
TAO: Final = "TAO"


def quantize(amount: Decimal) -> Decimal:
    """Round an amount to nine places, half to even."""
    return amount.quantize(QUANTUM, rounding=ROUND_HALF_EVEN)


def rao_to_tao(rao: int) -> Decimal:
    """Convert integer rao to TAO, exactly."""
    return Decimal(rao).scaleb(-PLACES)


def usd_to_rao(usd: Decimal, *, usd_per_tao: Decimal) -> int:
    """Convert a USD amount to rao at a rate, rounded up to the next rao so that it never falls short."""
    rao = (usd / usd_per_tao).scaleb(PLACES)
    whole = int(rao.to_integral_value(rounding=ROUND_DOWN))
    return whole if whole == rao else whole + 1


def usd_to_whole_rao(usd: Decimal, *, usd_per_tao: Decimal) -> int:
    """Convert a USD amount that we pay to rao at a rate, rounded down: nobody is paid a rao that is not there."""
    return int((usd / usd_per_tao).scaleb(PLACES).to_integral_value(rounding=ROUND_DOWN))


def rao_to_usd(rao: int, *, usd_per_tao: Decimal) -> Decimal:
    """Convert rao to USD at a rate, rounded to nine places."""
    return quantize(rao_to_tao(rao) * usd_per_tao)


def charge_for(*, hourly: Decimal, seconds: Decimal) -> Decimal:
    """Give the price of ``seconds`` at an hourly price: round(hourly x seconds / 3600)."""
    return quantize(hourly * seconds / SECONDS_PER_HOUR)


def seconds_for(usd: Decimal, *, hourly: Decimal) -> Decimal:
    """Give the seconds that an amount pays for at an hourly price, to the millisecond; none where there is no price."""
    return (usd * SECONDS_PER_HOUR / hourly).quantize(MILLISECOND) if hourly else Decimal(0)
