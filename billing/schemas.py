"""What the billing API takes and gives. Amounts in TAO are exact text and integer rao; USD is a JSON number."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from ninja import Field, Schema

from billing.models import Deposit, Invoice
from core import clock
from core.money import rao_to_tao


class InvoiceIn(Schema):
    """A wish to add to the balance."""

    amount_usd: Decimal = Field(max_digits=12, decimal_places=2, gt=0)


class DepositOut(Schema):
    """A transfer to the invoice's address; of alpha, which does not pay it, where ``netuid`` is given."""

    status: str
    late: bool
    amount_rao: int
    amount_tao: str | None
    netuid: int | None
    block_number: int
    block_hash: str
    sender: str
    credited_usd: float | None


class InvoiceOut(Schema):
    """How to pay, and how far the payment is."""

    id: UUID
    status: str
    amount_usd: float
    amount_rao: int
    amount_tao: str
    paid_rao: int
    address: str
    rate_usd_per_tao: float
    rate_source: str
    created_at: str
    expires_at: str
    url: str
    deposits: list[DepositOut]


class ColdkeyProofIn(Schema):
    """A coldkey's signature over our text, as the published client sends it."""

    coldkey_address: str = Field(max_length=60)
    access_key: str = Field(max_length=300)
    signature: str = Field(max_length=140)


class AlphaSubnetOut(Schema):
    """A subnet whose alpha is taken."""

    netuid: int


class AlphaSubnetsOut(Schema):
    """The subnets whose alpha is taken; ``primary`` is the usual one."""

    subnets: list[AlphaSubnetOut]
    primary: int


class AlphaQuoteIn(Schema):
    """An amount in USD, to be paid in alpha."""

    amount: Decimal = Field(gt=0, max_digits=12, decimal_places=2)
    netuid: int | None = None


class AlphaQuoteOut(Schema):
    """The alpha that is worth it, ``rate`` in USD for one alpha; exact, hence text."""

    original: str
    converted: str
    rate: str
    netuid: int


class ChainOut(Schema):
    """How far the chain is read; null where it was never read."""

    network: str | None
    genesis: str | None
    simulated: bool
    height: int | None
    finalized_height: int | None
    read_at: str | None


def invoice_out(invoice: Invoice, deposits: list[Deposit], *, url: str) -> InvoiceOut:
    """Write an invoice."""
    return InvoiceOut(
        id=invoice.public_id,
        status=invoice.status,
        amount_usd=float(invoice.usd_amount),
        amount_rao=invoice.tao_amount_rao,
        amount_tao=f"{rao_to_tao(invoice.tao_amount_rao):f}",
        paid_rao=invoice.paid_rao,
        address=invoice.address,
        rate_usd_per_tao=float(invoice.rate_usd_per_tao),
        rate_source=invoice.rate_source,
        created_at=_iso(invoice.created_at),
        expires_at=_iso(invoice.expires_at),
        url=url,
        deposits=[_deposit_out(deposit) for deposit in deposits],
    )


def _deposit_out(deposit: Deposit) -> DepositOut:
    return DepositOut(
        status=deposit.status,
        late=deposit.late,
        amount_rao=deposit.amount_rao,
        amount_tao=f"{rao_to_tao(deposit.amount_rao):f}" if deposit.netuid is None else None,
        netuid=deposit.netuid,
        block_number=deposit.block_number,
        block_hash=deposit.block_hash,
        sender=deposit.sender,
        credited_usd=None if deposit.credited_usd is None else float(deposit.credited_usd),
    )


def _iso(moment: datetime) -> str:
    return clock.iso(moment) or ""
