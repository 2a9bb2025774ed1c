"""A chain that cannot be asked is refused before anything starts."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from billing.checks import chain_can_be_asked

ENDPOINTS = ["wss://one.example:443", "wss://two.example:443"]


@pytest.fixture(autouse=True)
def real_chain(settings: Settings) -> None:
    settings.MARKET_CHAIN = "subtensor"
    settings.MARKET_CHAIN_ENDPOINTS = ENDPOINTS


def test_a_real_chain_with_all_that_it_takes_is_fine() -> None:
    assert chain_can_be_asked() == []


@pytest.mark.parametrize(
    ("name", "value", "number", "words"),
    [
        ("MARKET_CHAIN_ENDPOINTS", [], "E001", "names no endpoint"),
        ("MARKET_CHAIN_ENDPOINTS", [*ENDPOINTS, "https://u:secret@x"], "E002", "Endpoint 3 of"),
        ("MARKET_CHAIN_GENESIS", "finney", "E003", "no hash of a block"),
        ("DEPOSIT_PUBLIC_KEY", "", "E004", "nobody could pay"),
        ("MARKET_CHAIN_ENDPOINTS", ENDPOINTS[:1], "W001", "nothing would contradict it"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(
    settings: Settings, name: str, value: object, number: str, words: str
) -> None:
    setattr(settings, name, value)

    [message] = chain_can_be_asked()

    assert message.id == f"billing.{number}"
    assert words in message.msg
    assert "secret" not in message.msg
    assert message.hint


def test_the_start_ends_with_its_sentence(settings: Settings, db: None) -> None:
    settings.MARKET_CHAIN_ENDPOINTS = []

    # The first thing that a start runs.
    with pytest.raises(SystemCheckError, match="names no endpoint"):
        call_command("migrate", verbosity=0, skip_checks=False)


def test_the_local_chain_needs_none_of_it(settings: Settings) -> None:
    settings.MARKET_CHAIN = "local"
    settings.MARKET_CHAIN_ENDPOINTS = []

    assert chain_can_be_asked() == []
