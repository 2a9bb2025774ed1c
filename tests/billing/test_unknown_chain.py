"""An hour without the chain: nothing is closed, nothing is zero, pages say since when, and each block counts once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from billing import chain_state, tasks
from billing.chain.local import node
from billing.models import ChainCursor, Deposit, Entry
from billing.selectors import balance_usd
from core import clock
from tests.billing.chain.peer import GENESIS, Chain, Peer
from tests.factories.billing import TAO, LocalWallet, blocks, make_invoice

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def pass_time(by: timedelta) -> datetime:
    """Let the last reading lie further back."""
    at = clock.now() - by
    ChainCursor.objects.update(read_at=at)
    return at


@pytest.fixture
def liar(settings: Settings) -> Any:
    """Give a peer that answers [] to everything as the chain of this market."""
    peer = Peer(lambda method, params: [])
    settings.MARKET_CHAIN_ENDPOINTS = [peer.url]
    settings.MARKET_CHAIN_GENESIS = GENESIS
    settings.MARKET_CHAIN_LAG = timedelta(0)
    yield peer
    peer.close()


def test_nothing_is_closed_or_zero_and_it_is_caught_up_once(liar: Peer, settings: Settings) -> None:
    alice, invoice = LocalWallet(), make_invoice(life=timedelta(seconds=30))
    blocks(1)
    alice.pay(invoice.address, TAO // 10)
    settings.MARKET_CHAIN = "subtensor"
    at = pass_time(HOUR)

    for _ in range(3):
        tasks.watch_chain()

    cursor = ChainCursor.objects.get()
    invoice.refresh_from_db()
    assert invoice.status == "open"
    assert cursor.read_at == at == chain_state.unknown_since(now=clock.now())
    assert "is no" in cursor.problem

    settings.MARKET_CHAIN = "local"
    node.produce(3600)
    for _ in range(3):
        tasks.watch_chain()

    cursor.refresh_from_db()
    invoice.refresh_from_db()
    assert (invoice.status, balance_usd(invoice.workspace)) == ("paid", 35)
    assert Entry.objects.filter(kind="deposit").count() == 2
    assert Deposit.objects.count() == 1
    assert (cursor.problem, chain_state.unknown_since(now=clock.now())) == ("", None)


def test_another_chain_under_the_same_name_is_not_begun(liar: Peer, settings: Settings) -> None:
    blocks(1)
    liar.answer = Chain(genesis="0x" + "33" * 32)
    settings.MARKET_CHAIN = "subtensor"

    tasks.watch_chain()

    assert ChainCursor.objects.count() == 1
    assert "another chain" in ChainCursor.objects.get().problem


def test_every_page_says_since_when(client: Client) -> None:
    blocks(1)
    assert b"The chain is unknown" not in client.get("/status").content
    ChainCursor.objects.update(problem="secret.example:443: timed out")
    at = pass_time(HOUR)

    for page in ("/", "/status"):
        shown = client.get(page).content.decode()
        assert "The chain is unknown" in shown
        assert f"{at:%H:%M} UTC" in shown
        assert "secret.example" not in shown


def test_the_operator_reads_why(admin_client: Client) -> None:
    blocks(1)
    pass_time(HOUR)
    ChainCursor.objects.update(problem="one.example:443: timed out")

    assert "one.example:443: timed out" in admin_client.get("/admin/").content.decode()


def test_a_market_that_never_read_a_block_says_nothing(client: Client) -> None:
    assert b"The chain is unknown" not in client.get("/status").content
    assert chain_state.unknown_since(now=clock.now()) is None
