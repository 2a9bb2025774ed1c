"""What the watcher knows while it reads blocks: whose addresses and coldkeys are whose, and what things are worth."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import structlog
from django.conf import settings

from accounts.models import Workspace
from billing import rates
from billing.chain.port import Block, ChainGateway, NoPrice
from billing.models import Invoice, LinkedColdkey, StandingAddress
from billing.rates import Rate, RateUnavailable
from core.money import PLACES

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Funds that an event of a block moved to an address: TAO, or alpha where ``netuid`` is given."""

    event_index: int
    sender: str
    address: str
    rao: int
    extrinsic_hash: str
    netuid: int | None = None
    hotkey: str = ""


@dataclass(frozen=True, slots=True)
class Prices:
    """What TAO and alpha are worth while blocks are applied; asked before, because a transaction asks nobody."""

    rate: Rate | None
    tao_per_alpha: Mapping[int, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What the watcher knows of the addresses in some blocks; invoices are locked."""

    genesis: str
    invoices: Mapping[str, Invoice]
    standing: Mapping[str, StandingAddress]
    coldkeys: Mapping[str, Workspace]
    treasury: str
    prices: Prices
    fee_rao: int
    smallest_rao: int
    now: datetime

    def workspace_of(self, arrival: Arrival) -> Workspace | None:
        """Say whose an arrival is, by its address or its sender; None for a stranger's."""
        holder = self.invoices.get(arrival.address) or self.standing.get(arrival.address)
        if holder is not None:
            return holder.workspace
        return self.coldkeys.get(arrival.sender) if arrival.address == self.treasury else None

    @property
    def payers(self) -> set[int]:
        """Whose balances these blocks may move, by the workspace's primary key."""
        return {
            *(one.workspace_id for one in self.invoices.values()),
            *(one.workspace_id for one in self.standing.values()),
            *(one.pk for one in self.coldkeys.values()),
        }

    def concerns(self, arrival: Arrival) -> bool:
        """Say whether an arrival came to an address of ours."""
        homes = (self.invoices, self.standing, (self.treasury,))
        return any(arrival.address in home for home in homes)


def arrivals(block: Block) -> list[Arrival]:
    """Give what a block moved, in the order of its events; a transfer of nothing is an event too, and no arrival."""
    tao = (
        Arrival(
            event_index=one.event_index,
            sender=one.sender,
            address=one.destination,
            rao=one.rao,
            extrinsic_hash=one.extrinsic_hash,
        )
        for one in block.transfers
    )
    alpha = (
        Arrival(
            event_index=one.event_index,
            sender=one.sender,
            address=one.destination,
            rao=one.alpha_rao,
            extrinsic_hash=one.extrinsic_hash,
            netuid=one.netuid,
            hotkey=one.hotkey,
        )
        for one in block.stake_transfers
    )
    moved = (one for one in (*tao, *alpha) if one.rao > 0)
    return sorted(moved, key=lambda one: one.event_index)


def ask_prices(gateway: ChainGateway, blocks: Sequence[Block], *, now: datetime) -> Prices:
    """Ask what arrivals in these blocks are worth, where that is not settled by an invoice.

    :raises ChainUnavailable: the chain does not answer.
    """
    found = [(block, one) for block in blocks for one in arrivals(block)]
    netuids = {
        one.netuid
        for _, one in found
        if one.netuid in settings.MARKET_ALPHA_SUBNETS and one.address == settings.TREASURY_ADDRESS
    }
    prices = dict[int, Decimal]()
    for netuid in sorted(netuid for netuid in netuids if netuid is not None):
        # What has no price is held: it must not keep the blocks after it from being read.
        with suppress(NoPrice):
            prices[netuid] = gateway.alpha_price(netuid).tao_per_alpha
    return Prices(rate=_rate(now) if _needs_rate(found) else None, tao_per_alpha=prices)


def open_book(
    genesis: str, blocks: Iterable[Block], *, prices: Prices, fee_rao: int, now: datetime
) -> Book:
    """Read whose the addresses of some blocks are, inside the watcher's transaction; locks their invoices."""
    found = [one for block in blocks for one in arrivals(block)]
    addresses, senders = {one.address for one in found}, {one.sender for one in found}
    invoices = Invoice.objects.filter(address__in=addresses).select_related("workspace")
    standing = StandingAddress.objects.filter(address__in=addresses).select_related("workspace")
    coldkeys = LinkedColdkey.objects.filter(address__in=senders).select_related("workspace")
    locked = invoices.order_by("pk").select_for_update(no_key=True, of=("self",))
    return Book(
        genesis=genesis,
        invoices={one.address: one for one in locked},
        standing={one.address: one for one in standing},
        coldkeys={one.address: one.workspace for one in coldkeys},
        treasury=settings.TREASURY_ADDRESS,
        prices=prices,
        fee_rao=fee_rao,
        smallest_rao=int(settings.MARKET_MIN_DEPOSIT_TAO.scaleb(PLACES)),
        now=now,
    )


def _needs_rate(found: Sequence[tuple[Block, Arrival]]) -> bool:
    """Whether anything here is worth what TAO is worth now; a few queries however much the blocks hold."""
    to_treasury = {one.sender for _, one in found if one.address == settings.TREASURY_ADDRESS}
    if LinkedColdkey.objects.filter(address__in=to_treasury).exists():
        return True
    addresses = {one.address: block.at for block, one in found}
    if StandingAddress.objects.filter(address__in=addresses).exists():
        return True
    invoices = Invoice.objects.filter(address__in=addresses).values_list("address", "expires_at")
    return any(ends < addresses[address] for address, ends in invoices)


def _rate(now: datetime) -> Rate | None:
    try:
        return rates.current(now=now)
    except RateUnavailable as error:
        log.warning("deposits.no_rate", error=error.message)
        return None
