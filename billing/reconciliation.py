"""Proving the ledger again: each balance from its postings, each currency to zero, the TAO accounts to the chain."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from billing import ledger
from billing.accounts import deposits_account
from billing.chain.port import ChainGateway
from billing.models import Account, Invoice
from core.money import TAO, rao_to_tao


@dataclass(frozen=True, slots=True)
class Difference:
    """Two figures that must be equal and are not."""

    what: str
    currency: str
    recorded: Decimal
    found: Decimal

    def __str__(self) -> str:
        return f"{self.what}: {self.recorded:f} {self.currency} recorded, {self.found:f} found"

    def as_log(self) -> dict[str, str]:
        """Write the figures for a log."""
        return {name: str(value) for name, value in asdict(self).items()}


def differences() -> list[Difference]:
    """Compare every balance with its postings, and every currency's sum with zero."""
    return [*_unbalanced(), *_drifted()]


def chain_differences(*, gateway: ChainGateway) -> list[Difference]:
    """Compare what the ledger says lies on deposit addresses with the chain; asks the chain for each that holds any.

    A transfer that is not final yet shows here until it is.
    """
    found = Decimal(0)
    for address in Invoice.objects.filter(unswept_rao__gt=0).values_list("address", flat=True):
        found += rao_to_tao(gateway.balance(address))
    recorded = -deposits_account().balance
    return [] if found == recorded else [Difference("deposit addresses", TAO, recorded, found)]


def _unbalanced() -> Iterator[Difference]:
    for currency, total in ledger.trial_balance().items():
        if total:
            yield Difference("trial balance", currency, Decimal(0), total)


def _drifted() -> Iterator[Difference]:
    summed = Account.objects.annotate(found=Coalesce(Sum("postings__amount"), Decimal(0)))
    for account in summed.exclude(found=F("balance")):
        yield Difference(account.code, account.currency, account.balance, account.found)
