"""What lies between the ledger and the chain: seen or signed, and not final; each with what it would do to a balance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from billing.models import Deposit, DepositStatus, OutgoingTransfer, TransferStatus

# More ways to add up than this, and nothing is explained by them.
MOST_SUMS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Something on its way, and the rao by which it moves the key's balance once it is on the chain."""

    what: str
    id: UUID
    rao: int

    def as_json(self, *, explains: bool) -> dict[str, Any]:
        """Write it as a line keeps it."""
        return {"what": self.what, "id": str(self.id), "rao": self.rao, "explains": explains}


def entries(address: str) -> list[Entry]:
    """List what is on its way to or from an address, TAO alone."""
    return [*_seen(address), *_leaving(address), *_coming(address)]


def explained_by(difference: int, found: Sequence[Entry]) -> list[Entry] | None:
    """Give entries that make up the difference exactly; None where none do. Of nothing, nothing is needed."""
    reached: dict[int, tuple[int, ...]] = {0: ()}
    for place, entry in enumerate(found):
        if difference in reached or len(reached) > MOST_SUMS:
            break
        for total, places in list(reached.items()):
            reached.setdefault(total + entry.rao, (*places, place))
    places_used = reached.get(difference)
    return None if places_used is None else [found[place] for place in places_used]


def _seen(address: str) -> Iterator[Entry]:
    rows = Deposit.objects.filter(address=address, status=DepositStatus.SEEN, netuid=None)
    for row in rows.order_by("pk"):
        yield Entry("seen, not final", row.public_id, row.amount_rao)


def _leaving(address: str) -> Iterator[Entry]:
    for row in _signed().filter(sender=address):
        amount = row.amount_rao if row.netuid is None else 0
        yield Entry(f"{row.kind} signed, not final", row.public_id, -amount - row.fee_rao)


def _coming(address: str) -> Iterator[Entry]:
    for row in _signed().filter(destination=address, netuid=None):
        yield Entry(f"{row.kind} signed, not final", row.public_id, row.amount_rao)


def _signed() -> Any:
    return OutgoingTransfer.objects.filter(status=TransferStatus.SIGNED).order_by("pk")
