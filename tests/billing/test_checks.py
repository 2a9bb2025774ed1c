"""A chain that this version cannot read is refused before anything starts."""

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError


def test_a_chain_that_is_not_built_is_an_error(settings) -> None:
    settings.MARKET_CHAIN = "subtensor"

    [error] = [found for found in run_checks() if found.id == "billing.E001"]

    assert "MARKET_CHAIN=subtensor has no gateway yet" in error.msg
    assert "MARKET_CHAIN=local" in error.hint


def test_the_start_ends_with_its_sentence(settings, db) -> None:
    settings.MARKET_CHAIN = "subtensor"

    # The first thing that a start runs.
    with pytest.raises(SystemCheckError, match="this version pays on the local chain only"):
        call_command("migrate", verbosity=0, skip_checks=False)


def test_the_local_chain_is_fine() -> None:
    assert not [found for found in run_checks() if found.id == "billing.E001"]
