"""Making an invoice: an amount, a rate that is held, and an address of its own."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts.models import User, Workspace
from accounts.principal import Principal
from billing.chain import keys
from billing.models import DepositKey, Invoice
from billing.rates import Rate
from core.errors import Invalid, Unavailable
from core.money import usd_to_rao

MINIMUM_USD: Final = Decimal(1)
MAXIMUM_USD: Final = Decimal(100_000)


class CheckoutUnavailable(Unavailable):
    """The operator has not set the deposit key, so there is no address to pay to."""

    code = "checkout_not_configured"


@dataclass(frozen=True, slots=True)
class DepositAddress:
    """A child of the deposit key."""

    key: DepositKey
    index: int
    address: str


def open_invoice(*, principal: Principal, usd: Decimal, rate: Rate, now: datetime) -> Invoice:
    """Make an invoice for the principal's workspace; ``rate`` is held until it ends.

    :raises Invalid: the amount is out of bounds; :raises CheckoutUnavailable: there is no deposit key.
    """
    require_amount(usd)
    with transaction.atomic(durable=True):
        return create_invoice(
            workspace=principal.workspace, created_by=principal.user, usd=usd, rate=rate, now=now
        )


def create_invoice(
    *, workspace: Workspace, created_by: User, usd: Decimal, rate: Rate, now: datetime
) -> Invoice:
    """Write the invoice inside the caller's transaction."""
    deposit = next_address()
    return Invoice.objects.create(
        workspace=workspace,
        created_by=created_by,
        usd_amount=usd,
        tao_amount_rao=usd_to_rao(usd, usd_per_tao=rate.usd_per_tao),
        rate_usd_per_tao=rate.usd_per_tao,
        rate_source=rate.source,
        rate_observed_at=rate.observed_at,
        rate_observations=rate.as_json(),
        deposit_key=deposit.key,
        derivation_index=deposit.index,
        address=deposit.address,
        created_at=now,
        expires_at=now + settings.MARKET_INVOICE_LIFE,
    )


def require_amount(usd: Decimal) -> None:
    """Refuse an amount that cannot be paid.

    :raises Invalid: it is below or above the bounds, or has parts of a cent.
    """
    if not MINIMUM_USD <= usd <= MAXIMUM_USD:
        raise Invalid(
            f"{usd} USD cannot be paid: at least {MINIMUM_USD}, at most {MAXIMUM_USD:,} USD.",
            hint=f"Choose an amount from {MINIMUM_USD} to {MAXIMUM_USD:,} USD.",
        )
    if usd != usd.quantize(Decimal("0.01")):
        raise Invalid(f"{usd} USD has parts of a cent.", hint="Give two decimal places at most.")


def require_configured() -> bytes:
    """Give the deposit key's public half.

    :raises CheckoutUnavailable: the operator has not set it.
    """
    if not settings.DEPOSIT_PUBLIC_KEY:
        raise CheckoutUnavailable(
            "This market cannot take TAO yet: it has no deposit key.",
            hint="The operator sets MARKET_DEPOSIT_PUBLIC_KEY (docs/settings.md); `./market up` does it by itself.",
        )
    return keys.parse_public_key(settings.DEPOSIT_PUBLIC_KEY)


def next_address() -> DepositAddress:
    """Give an address that nobody had before; the row lock keeps two checkouts apart.

    :raises CheckoutUnavailable: there is no deposit key.
    """
    parent = require_configured()
    DepositKey.objects.get_or_create(public_key="0x" + parent.hex())
    key = DepositKey.objects.select_for_update(no_key=True).get(public_key="0x" + parent.hex())
    index = key.next_index
    DepositKey.objects.filter(pk=key.pk).update(next_index=F("next_index") + 1)
    address = keys.address_of(keys.derive_public_key(parent, index))
    return DepositAddress(key=key, index=index, address=address)
