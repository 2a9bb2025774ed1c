"""What a subnet's alpha is worth, from the chain's own price of it and the rate of TAO."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from billing import rates
from billing.chain.port import AlphaPrice, ChainGateway
from billing.rates import Rate
from core.errors import Invalid, Unavailable
from core.money import quantize


class AlphaNotTaken(Invalid):
    """The subnet's alpha is no payment here."""

    code = "netuid_not_accepted"
    status = 400


class AlphaUnavailable(Unavailable):
    """This market takes no alpha now."""

    code = "alpha_not_offered"


@dataclass(frozen=True, slots=True)
class AlphaQuote:
    """What one alpha is worth, and from what that follows."""

    price: AlphaPrice
    rate: Rate

    @property
    def netuid(self) -> int:
        """The subnet."""
        return self.price.netuid

    @property
    def usd_per_alpha(self) -> Decimal:
        """USD for one alpha."""
        return quantize(self.price.tao_per_alpha * self.rate.usd_per_tao)


def accepted() -> tuple[int, ...]:
    """Give the subnets whose alpha is taken, the usual one first.

    :raises AlphaUnavailable: there is none, or no address to send it to.
    """
    if not settings.MARKET_ALPHA_SUBNETS or not settings.TREASURY_ADDRESS:
        raise AlphaUnavailable(
            "This market takes no alpha.", hint="Pay in TAO: the Billing page has an address."
        )
    netuids: tuple[int, ...] = settings.MARKET_ALPHA_SUBNETS
    return netuids


def quote(chain: ChainGateway, *, netuid: int | None, now: datetime) -> AlphaQuote:
    """Ask what alpha of a subnet is worth; of the usual one where none is named.

    :raises AlphaNotTaken: it is not taken. :raises AlphaUnavailable: none is, or it is worth nothing.
    :raises RateUnavailable, ChainUnavailable: nobody tells what it is worth.
    """
    netuids = accepted()
    wanted = netuids[0] if netuid is None else netuid
    if wanted not in netuids:
        names = ", ".join(str(one) for one in netuids)
        raise AlphaNotTaken(
            f"Alpha of subnet {wanted} is not taken; {names} is.", hint=f"Choose one of {names}."
        )
    found = AlphaQuote(price=chain.alpha_price(wanted), rate=rates.current(now=now))
    if found.usd_per_alpha <= 0:
        raise AlphaUnavailable(
            f"Alpha of subnet {wanted} is worth nothing now.", hint="Pay in TAO instead."
        )
    return found
