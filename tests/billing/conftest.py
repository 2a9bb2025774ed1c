"""A chain by hand, and keys to pay to."""

import pytest
from pytest_django import Settings

from tests.factories.billing import PUBLIC_KEY, SEED, TREASURY, USD_PER_TAO
from tests.factories.rates import price_is


@pytest.fixture(autouse=True)
def money_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make blocks by hand only, at a rate of 350 USD."""
    settings.MARKET_CHAIN = "local"
    settings.LOCALCHAIN_BLOCK_SECONDS = 0
    settings.LOCALCHAIN_FINALITY_BLOCKS = 2
    settings.LOCALCHAIN_USD_PER_TAO = USD_PER_TAO
    settings.DEPOSIT_PUBLIC_KEY = PUBLIC_KEY
    settings.TREASURY_ADDRESS = TREASURY
    monkeypatch.setenv("MARKET_DEPOSIT_SEED", SEED)


@pytest.fixture(autouse=True)
def known_price(request: pytest.FixtureRequest) -> None:
    """Let TAO have a price, wherever a test has a database."""
    if request.node.get_closest_marker("django_db") or "db" in request.fixturenames:
        request.getfixturevalue("db")
        price_is()
