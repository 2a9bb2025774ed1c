"""The real runtime, once a session, and both sides of the port."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from billing.chain import gateway as choice
from billing.chain.subtensor import endpoints
from tests.billing.chain import runtime as real
from tests.billing.chain.runtime import Runtime
from tests.billing.chain.sides import Local, Side, Subtensor


@pytest.fixture(scope="session")
def runtime() -> Iterator[Runtime]:
    """Run the real Subtensor runtime, or say what is missing."""
    if reason := real.why_not():
        pytest.skip(reason)
    with real.running() as started:
        yield started


@pytest.fixture(scope="session")
def subtensor(request: pytest.FixtureRequest) -> Subtensor:
    """Give a Subtensor node with funds; SUBTENSOR_ENDPOINT names one that is there already."""
    if url := os.environ.get("SUBTENSOR_ENDPOINT"):
        return Subtensor(url, None)
    runtime = request.getfixturevalue("runtime")
    return Subtensor(runtime.url, runtime)


@pytest.fixture(params=["local", "subtensor"])
def side(request: pytest.FixtureRequest, db: None) -> Side:
    """Give each side of the port in turn."""
    return Local() if request.param == "local" else request.getfixturevalue("subtensor")


@pytest.fixture
def real_chain(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    runtime: Runtime,
    subtensor: Subtensor,
) -> None:
    """Have the market watch the real runtime, with a gateway that has seen nothing yet."""
    settings.MARKET_CHAIN = "subtensor"
    settings.MARKET_CHAIN_ENDPOINTS = [runtime.url]
    settings.MARKET_CHAIN_GENESIS = runtime.genesis
    settings.MARKET_CHAIN_REQUESTS_PER_SECOND = 1000
    settings.MARKET_CHAIN_TIMEOUT_SECONDS = 60
    # Blocks made on demand are of whatever time.
    settings.MARKET_CHAIN_LAG = timedelta(0)
    monkeypatch.setattr(endpoints, "FIRST_PAUSE", 0.0)
    choice._subtensor.cache_clear()
