"""A source of the price of TAO, whoever tells it. No source is ever asked inside a transaction."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from billing.models import SourceKind


class SourceFailed(Exception):
    """The source told no price that can be used; the words are for operators."""


@dataclass(frozen=True, slots=True)
class Reading:
    """USD for one TAO, at the time that the source says it is of."""

    usd_per_tao: Decimal
    observed_at: datetime


class Source(Protocol):
    """Somebody who tells the price."""

    @property
    def name(self) -> str:
        """What it is called on invoices."""

    @property
    def kind(self) -> SourceKind:
        """Where its price comes from."""

    @property
    def host(self) -> str:
        """Whom it asks; empty where that is the chain."""

    @property
    def simulated(self) -> bool:
        """Whether the price means nothing outside of this market."""

    def read(self, *, now: datetime) -> Reading:
        """Ask.

        :raises SourceFailed: nothing that can be used was told.
        """


class PricedChain(Protocol):
    """A chain that has a price of its own coin; most have none."""

    def usd_per_tao(self) -> Decimal:
        """Give it."""
