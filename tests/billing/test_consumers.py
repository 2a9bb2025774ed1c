"""The live pages of payments over a real socket: the picture at once, a new one on a change, nothing for strangers."""

import pytest
from django.test import Client

from accounts.consumers import NOT_FOUND, SIGN_IN
from accounts.models import User
from billing.models import Invoice
from billing.services import standing
from core import clock
from tests.factories.billing import (
    TAO,
    LocalWallet,
    blocks,
    make_deposit,
    make_invoice,
    make_workspace,
)
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


def test_shows_a_deposit_become_final(served: Served) -> None:
    workspace = make_workspace()
    address = standing.address_of(workspace, now=clock.now()).address

    with live_page(served, "/ws/deposits", signed_in(workspace.owner)) as page:
        first = heard(page)
        LocalWallet().pay(address, TAO)
        blocks(1)
        assert heard(page, holding="1 confirmation so far")
        blocks(2)
        assert heard(page, holding="is on your balance")

    assert "Nothing yet" in first


def test_more_deposits_than_a_page_holds_are_pushed_too(served: Served) -> None:
    workspace = make_workspace()
    for _ in range(51):
        make_deposit(workspace)

    with live_page(served, "/ws/deposits", signed_in(workspace.owner)) as page:
        first = heard(page)

    assert 'href="?page=2"' in first


def test_tells_others_not_to_come_back_to_a_deposit(served: Served) -> None:
    deposit, stranger = make_deposit(make_workspace()), signed_in(make_workspace().owner)

    with live_page(served, f"/ws/deposits/{deposit.public_id}", stranger) as page:
        assert close_code(page) == NOT_FOUND


def pay(invoice: Invoice) -> None:
    LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
    blocks(3)
