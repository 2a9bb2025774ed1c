"""What must hold of the settings before anything starts."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from billing.chain.gateway import gateway


def chain_is_built(**_: Any) -> list[CheckMessage]:
    """Refuse a chain that this version cannot read; told by a worker each second it would be noticed late."""
    try:
        gateway()
    except ImproperlyConfigured as error:
        hint = "Set MARKET_CHAIN=local, or leave it out (docs/settings.md)."
        return [Error(str(error), hint=hint, id="billing.E001")]
    return []
