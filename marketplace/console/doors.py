"""Whose machines and money a page of the console shows."""

from accounts.principal import Principal
from core.errors import NotFound
from marketplace.models import Provider
from marketplace.services.providers import find_provider


class NothingProvided(NotFound):
    """The workspace has no provider yet."""

    code = "nothing_provided"


def provider_for(asking: Principal) -> Provider:
    """Give the provider of the caller's workspace.

    :raises NothingProvided: it provides nothing.
    """
    provider = find_provider(asking)
    if provider is None:
        raise NothingProvided(
            "Nothing is provided from this workspace yet.", hint="Add a machine to begin."
        )
    return provider
