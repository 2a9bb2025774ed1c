"""The cast: Alice rents, Bob hosts, Charlie is a stranger. Loaded as a pytest plugin."""

import pytest
from django.test import Client
from pytest_django import Settings

from core import ratelimit
from tests.factories.accounts import Person, make_person


@pytest.fixture
def alice(db: None) -> Person:
    """The renter."""
    return make_person("alice")


@pytest.fixture
def bob(db: None) -> Person:
    """The provider."""
    return make_person("bob")


@pytest.fixture
def charlie(db: None) -> Person:
    """The stranger, with an account of his own."""
    return make_person("charlie")


@pytest.fixture
def anonymous(db: None) -> Client:
    """Somebody without any credential."""
    return Client()


# Redis shares two cores with all workers: no test shall fail because it took half a second.
ratelimit.REDIS_TIMEOUT = 10


@pytest.fixture
def busy_line(settings: Settings) -> None:
    """Ask little of a machine's line, which shares its processor with other tests; less than the fault of a slow one."""
    settings.MARKET_MIN_DOWNLOAD_MBPS, settings.MARKET_MIN_UPLOAD_MBPS = 6, 1


@pytest.fixture(autouse=True)
def fresh_windows() -> None:
    """Start each test with empty rate-limit windows."""
    ratelimit.reset()
