"""Who is asking on a page of the console: a signed-in member of a workspace that provides."""

from typing import cast

from django.http import HttpRequest

from accounts.access import principal_of
from accounts.models import User
from accounts.principal import Principal
from core.errors import NotFound
from marketplace.models import Provider
from marketplace.services.providers import find_provider


class NothingProvided(NotFound):
    """The workspace has no provider yet."""

    code = "nothing_provided"


def principal(request: HttpRequest) -> Principal:
    """Give the person who asks, in their own workspace."""
    return principal_of(cast(User, request.user))


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
