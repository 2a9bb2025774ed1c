"""The live invoice page over a socket: the present picture at once, a new one on a change, nothing for strangers."""

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async

from accounts.models import User
from billing.consumers import NOT_FOUND, SIGN_IN, InvoiceConsumer
from billing.models import Invoice
from core import live
from tests.factories.billing import LocalWallet, blocks, make_invoice, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


class Here:
    """Carries messages within this process."""

    def __init__(self) -> None:
        self.listeners: dict[str, live.Listener] = {}

    def send(self, topic: str, message: str) -> None:
        """Do nothing: the test rings by itself."""

    def subscribe(self, topic: str, listener: live.Listener) -> None:
        """Remember who listens."""
        self.listeners[topic] = listener

    def unsubscribe(self, topic: str, listener: live.Listener) -> None:
        """Forget who listened."""
        del self.listeners[topic]


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Here:
    here = Here()
    monkeypatch.setattr(live, "_carrier", [here])
    return here


async def open_page(invoice: Invoice, user: User | None) -> ApplicationCommunicator:
    scope = {
        "type": "websocket",
        "user": user,
        "url_route": {"kwargs": {"invoice_id": invoice.public_id}},
    }
    page = ApplicationCommunicator(InvoiceConsumer.as_asgi(), scope)
    await page.send_input({"type": "websocket.connect"})
    assert (await page.receive_output(10))["type"] == "websocket.accept"
    return page


def test_shows_the_payment_come_in(carrier: Here) -> None:
    invoice = make_invoice()
    topic, owner = f"invoice:{invoice.public_id}", invoice.workspace.owner

    async def watch() -> tuple[str, str]:
        page = await open_page(invoice, owner)
        first = (await page.receive_output(10))["text"]
        await database_sync_to_async(pay)(invoice)
        await carrier.listeners[topic]("")
        second = (await page.receive_output(10))["text"]
        await page.send_input({"type": "websocket.disconnect", "code": 1001})
        await page.wait(10)
        return first, second

    first, second = async_to_sync(watch)()

    assert "Waiting for payment" in first
    assert "is on your balance" in second
    assert carrier.listeners == {}


@pytest.mark.parametrize("who", ["stranger", "anonymous"])
def test_tells_others_not_to_come_back(carrier: Here, who: str) -> None:
    invoice = make_invoice()
    user = make_workspace("charlie").owner if who == "stranger" else None

    async def knock() -> int:
        page = await open_page(invoice, user)
        return int((await page.receive_output(10))["code"])

    code = async_to_sync(knock)()

    assert code == {"stranger": NOT_FOUND, "anonymous": SIGN_IN}[who]
    assert carrier.listeners == {}


def pay(invoice: Invoice) -> None:
    LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
    blocks(3)
