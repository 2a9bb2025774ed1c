"""Every pair of statuses: the table decides, and each move leaves an event."""

from itertools import product

import pytest

from billing import transitions
from billing.models import Deposit, DepositStatus, Invoice, InvoiceStatus, PaymentEvent
from billing.reasons import Reason
from core import clock
from core.actors import PLATFORM
from core.errors import IllegalTransition
from tests.factories.billing import LocalWallet, blocks, make_invoice

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


def check(allowed: bool, move) -> None:
    if not allowed:
        with pytest.raises(IllegalTransition):
            move()
        return
    move()
    assert PaymentEvent.objects.get().reason_code == "time_over"
