"""What must hold of the sources of the price before anything starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from billing.rates import configured


def feeds_are_readable(**_: Any) -> list[CheckMessage]:
    """Refuse feeds of the price of TAO that are none, and warn where they can never make a price."""
    try:
        count = len(configured.sources())
    except ImproperlyConfigured as error:
        hint = 'Each is {"name": ..., "url": "https://...", "price": "/json/pointer"} (docs/settings.md).'
        return [Error(str(error), hint=hint, id="billing.E010")]
    if count < settings.MARKET_RATE_MIN_SOURCES:
        needed = settings.MARKET_RATE_MIN_SOURCES
        words = f"The price of TAO has {count} sources and needs {needed}: no invoice can be made."
        return [Warning(words, hint="Name feeds in MARKET_RATE_FEEDS.", id="billing.W010")]
    return []
