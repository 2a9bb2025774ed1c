"""The portal API under /portal: what `lium provider` and `lium mine --register` call.

The client hides the text of 422 as a mistake of its own, so what is refused for business reasons is a 400; its
text is `detail`.
"""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import AuthenticationError, HttpError, ValidationError

from core.errors import DomainError, NotFound, Unauthenticated
from lium_site.api import envelope, misfit, unreadable
from lium_site.openapi import DescribedOnce
from marketplace.portal import ROUTERS

DESCRIPTION = """
Everything the published client calls for providers: `LIUM_PORTAL_URL` is this address, `LIUM_SHARED_CONFIG_URL` is
`/portal/shared-config`. Sign in with a hotkey's signature or by e-mail, and send the token as `Authorization: Bearer`;
a key with the scope `provide` (`lpk_...`) goes the same way. Money is JSON numbers in USD.
"""
# The client knows this sentence: it is how a registration token proves itself before anything is installed.
NOT_FOUND_NODE: Final = "Not found node"
AS_400: Final = (409, 422)

portal = DescribedOnce(
    title="lium_site portal",
    version="1",
    description=DESCRIPTION,
    docs_url="/docs",
    openapi_url="/openapi.json",
    urls_namespace="portal",
)
for router in ROUTERS:
    portal.add_router("", router)


def portal_envelope(error: DomainError) -> dict[str, Any]:
    """Write a refusal as the client reads it: all that it shows is ``detail``."""
    known = error.code == "node_not_found"
    detail = NOT_FOUND_NODE if known else f"{error.message} {error.hint}".strip()
    return envelope(error) | {"detail": detail}


@portal.exception_handler(DomainError)
def refuse(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Answer with a refusal's status and envelope."""
    status = 400 if error.status in AS_400 else error.status
    response = portal.create_response(request, portal_envelope(error), status=status)
    for name, value in error.headers.items():
        response[name] = value
    return response


@portal.exception_handler(AuthenticationError)
def on_authentication_error(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Render a missing credential."""
    refusal = Unauthenticated(
        "No session and no provider token was sent.", hint="Run `lium provider portal login`."
    )
    return refuse(request, refusal)


@portal.exception_handler(ValidationError)
def on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Render input that does not fit the schema."""
    return refuse(request, misfit(error, docs="/portal/docs"))


@portal.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Render what ninja itself refuses, such as a body that is no JSON."""
    return refuse(request, unreadable(error))


@portal.exception_handler(Http404)
def on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    """Render an unknown id."""
    return refuse(request, NotFound("There is no such object, or it is not yours."))
