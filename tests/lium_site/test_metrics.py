"""The figures for monitoring: for who has the token, and with nothing made up."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from billing.models import ChainAlarm
from core import clock
from lium_site.metrics import Sample
from tests.factories.billing import make_deposit, make_workspace
from tests.factories.marketplace import make_provider
from tests.factories.payouts import earn, make_payout

pytestmark = pytest.mark.django_db
TOKEN = {"Authorization": "Bearer hush"}


@pytest.fixture(autouse=True)
def configured(settings: Any) -> None:
    from tests.factories.billing import PUBLIC_KEY

    settings.METRICS_TOKEN = "hush"
    settings.DEPOSIT_PUBLIC_KEY = PUBLIC_KEY


def test_tells_of_a_replaced_block_and_of_what_waits(client: Client) -> None:
    ChainAlarm.objects.create(
        genesis="0x0", block_number=7, recorded_hash="0x1", found_hash="0x2", noticed_at=clock.now()
    )
    make_deposit(make_workspace(), status="unmatched", held_for="dust")

    lines = client.get("/metrics", headers=TOKEN).content.decode().splitlines()

    assert "market_chain_alarms_open 1" in lines
    assert 'market_deposits_waiting{status="unmatched",held_for="dust"} 1' in lines
    assert "# TYPE market_chain_alarms_open gauge" in lines


def test_tells_of_payouts_on_their_way(client: Client) -> None:
    provider = make_provider()
    earn(provider, Decimal(35))
    make_payout(provider, usd=Decimal(35), at=clock.now())

    body = client.get("/metrics", headers=TOKEN).content.decode()

    assert 'market_transfers_open{kind="payout",status="planned"} 1' in body
    assert "market_payouts_in_payment_usd 35.000000000" in body
    assert "market_payout_batches_proposed 0" in body


def test_leaves_out_what_is_not_known(client: Client) -> None:
    body = client.get("/metrics", headers=TOKEN).content.decode()

    assert "market_chain_alarms_open 0" in body
    assert "market_chain_read_height" not in body


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}])
def test_is_nothing_to_others(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/metrics", headers=headers).status_code == 404


def test_is_off_without_a_token(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_labels_are_escaped() -> None:
    assert str(Sample("a", 1, {"b": 'c"d\\\n'})) == r'a{b="c\"d\\\n"} 1'
