"""An open live page: a signed-in browser's socket to the served site."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.serving import Served

PATIENCE = 10.0


@contextmanager
def live_page(served: Served, path: str, browser: Client | None) -> Iterator[ClientConnection]:
    """Open a live page as its own script does."""
    headers = {"Origin": f"http://{served.netloc}"}
    if browser:
        headers["Cookie"] = f"sessionid={browser.cookies['sessionid'].value}"
    address = f"ws://{served.netloc}{path}"
    with connect(address, additional_headers=headers, open_timeout=PATIENCE) as page:
        yield page


def heard(page: ClientConnection, *, holding: str = "") -> str:
    """Wait for a message that holds a text."""
    while True:
        message = str(page.recv(timeout=PATIENCE))
        if holding in message:
            return message


def close_code(page: ClientConnection) -> int | None:
    """Wait until the server ends the page, and give its reason."""
    try:
        while True:
            page.recv(timeout=PATIENCE)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
