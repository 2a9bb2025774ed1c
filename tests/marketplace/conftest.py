"""Who provides, in the tests of the market."""

import pytest

from marketplace.models import Provider
from tests.factories.accounts import Person
from tests.factories.marketplace import make_provider


@pytest.fixture
def provider(bob: Person) -> Provider:
    """Give Bob's workspace as a provider."""
    return make_provider(workspace=bob.workspace)
