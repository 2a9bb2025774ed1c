"""Every pair of statuses: the table decides, and each move leaves an event."""

from collections.abc import Callable
from decimal import Decimal
from itertools import product

import pytest
from django.db.models import Model

from billing import transitions
from billing.models import (
    BatchStatus,
    Deposit,
    DepositStatus,
    Invoice,
    InvoiceStatus,
    PaymentEvent,
    Payout,
    PayoutStatus,
    TransferStatus,
)
from billing.reasons import Reason
from core import clock
from core.actors import PLATFORM
from core.errors import IllegalTransition
from tests.factories.billing import LocalWallet, blocks, make_invoice
from tests.factories.marketplace import make_provider
from tests.factories.payouts import earn, make_payout

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("source", "to"), [*product(InvoiceStatus, InvoiceStatus)])
def test_invoice(source: InvoiceStatus, to: InvoiceStatus) -> None:
    invoice = make_invoice()
    Invoice.objects.update(status=source)
    invoice.refresh_from_db()

    check(
        to in transitions.INVOICE[source],
        lambda: transitions.move_invoice(
            invoice, to=to, reason=Reason.TIME_OVER, actor=PLATFORM, now=clock.now()
        ),
    )


def test_deposit() -> None:
    invoice = make_invoice()
    LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
    blocks(1)
    for source, to in product(DepositStatus, DepositStatus):
        deposit = Deposit.objects.get()
        deposit.status = source
        deposit.credited_usd, deposit.credited_workspace = 1, invoice.workspace
        if to in transitions.DEPOSIT[source]:
            transitions.move_deposit(
                deposit, to=to, reason=Reason.DUST, actor=PLATFORM, now=clock.now()
            )
            event = PaymentEvent.objects.latest("pk")
            assert (event.from_status, event.to_status) == (source, to)
        else:
            with pytest.raises(IllegalTransition):
                transitions.move_deposit(
                    deposit, to=to, reason=Reason.DUST, actor=PLATFORM, now=clock.now()
                )


@pytest.mark.parametrize(("source", "to"), [*product(TransferStatus, TransferStatus)])
def test_outgoing(source: TransferStatus, to: TransferStatus) -> None:
    transfer = paid_provider().transfer
    assert transfer is not None
    transfer.status, transfer.body, transfer.extrinsic_hash, transfer.nonce = source, "-", "0x", 0

    check_event(to in transitions.OUTGOING[source], transitions.move_outgoing, transfer, to)


@pytest.mark.parametrize(("source", "to"), [*product(PayoutStatus, PayoutStatus)])
def test_payout(source: PayoutStatus, to: PayoutStatus) -> None:
    payout = paid_provider()
    payout.status = source

    check_event(to in transitions.PAYOUT[source], transitions.move_payout, payout, to)


@pytest.mark.parametrize(("source", "to"), [*product(BatchStatus, BatchStatus)])
def test_batch(source: BatchStatus, to: BatchStatus) -> None:
    batch = paid_provider().batch
    batch.status = source

    check_event(to in transitions.BATCH[source], transitions.move_batch, batch, to)


def paid_provider() -> Payout:
    provider = make_provider()
    earn(provider, Decimal(35))
    make_payout(provider, usd=Decimal(35), at=clock.now())
    return Payout.objects.select_related("batch", "transfer").get()


def check_event(allowed: bool, move: Callable[..., None], row: Model, to: str) -> None:
    words = {"reason": Reason.SENT, "actor": PLATFORM, "now": clock.now()}
    if not allowed:
        with pytest.raises(IllegalTransition):
            move(row, to=to, **words)
        return
    move(row, to=to, **words)
    row.refresh_from_db()
    assert row.status == to  # type: ignore[attr-defined]
    assert PaymentEvent.objects.latest("pk").to_status == to


def check(allowed: bool, move) -> None:
    if not allowed:
        with pytest.raises(IllegalTransition):
            move()
        return
    move()
    assert PaymentEvent.objects.get().reason_code == "time_over"
