"""The live invoice page over a real socket: the present picture at once, a new one on a change, nothing for strangers."""

import pytest
from django.test import Client

from accounts.consumers import NOT_FOUND, SIGN_IN
from accounts.models import User
from billing.models import Invoice
from tests.factories.billing import LocalWallet, blocks, make_invoice, make_workspace
from tests.live_page import close_code, heard, live_page
from tests.serving import Served

pytestmark = pytest.mark.django_db(transaction=True)


def path(invoice: Invoice) -> str:
    return f"/ws/invoices/{invoice.public_id}"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_shows_the_payment_come_in(served: Served) -> None:
    invoice = make_invoice()

    with live_page(served, path(invoice), signed_in(invoice.workspace.owner)) as page:
        first = heard(page)
        pay(invoice)
        second = heard(page, holding="on your balance")

    assert "Waiting for payment" in first
    assert second


@pytest.mark.parametrize("who", ["stranger", "anonymous"])
def test_tells_others_not_to_come_back(served: Served, who: str) -> None:
    browser = signed_in(make_workspace("charlie").owner) if who == "stranger" else None

    with live_page(served, path(make_invoice()), browser) as page:
        code = close_code(page)

    assert code == {"stranger": NOT_FOUND, "anonymous": SIGN_IN}[who]


def pay(invoice: Invoice) -> None:
    LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
    blocks(3)
