"""The price of a chain that has one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.models import SourceKind
from billing.rates.port import PricedChain, Reading

SIMULATED: Final = "simulated, set by the operator"


@dataclass(frozen=True, slots=True)
class ChainSource:
    """Asks the chain itself."""

    chain: PricedChain
    name: str
    simulated: bool

    @property
    def kind(self) -> SourceKind:
        """The chain."""
        return SourceKind.CHAIN

    @property
    def host(self) -> str:
        """Nobody else is asked."""
        return ""

    def read(self, *, now: datetime) -> Reading:
        """Take the chain's price of now."""
        return Reading(usd_per_tao=self.chain.usd_per_tao(), observed_at=now)
