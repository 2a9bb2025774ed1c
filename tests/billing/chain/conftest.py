"""The real runtime, once a session, and both sides of the port."""

import os
from collections.abc import Iterator

import pytest

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
