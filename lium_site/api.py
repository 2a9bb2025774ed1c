"""The renter API under /api: one envelope for every refusal (contract: `message` and `detail` at the top)."""

import tomllib
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from accounts.api import router as accounts_router
from billing.api import router as billing_router
from core import request_context
from core.errors import DomainError, Invalid, NotFound, Unauthenticated
from lium_site import operations
from lium_site.openapi import DescribedOnce
from marketplace.api import router as marketplace_router
from rentals.api import router as rentals_router
from validation.proofs_api import router as proofs_router
from validation.scores_api import router as scores_router

# The checkout is what runs: it is never installed as a package.
PROJECT: Final = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
DESCRIPTION = """
Everything the published `lium` client calls, and a few endpoints of our own. Send the key as `X-API-KEY`.
Money and speeds are JSON numbers; every refusal has `message`, `detail` and `error.code`, `error.hint`,
`error.request_id`.
"""

api = DescribedOnce(
    title="lium_site",
    version="1",
    description=DESCRIPTION,
    docs_url="/docs",
    openapi_url="/openapi.json",
)
# The catalogue first: routes are tried in order, and it is asked for most.
for router in (
    marketplace_router,
    rentals_router,
    accounts_router,
    billing_router,
    scores_router,
    proofs_router,
):
    api.add_router("", router)


class Version(Schema):
    """What this server can do, in the client's words."""

    features: list[str]
    name: str
    version: str


@api.get("/version", response=Version, tags=["market"])
def version(request: HttpRequest) -> dict[str, Any]:
    """Say which optional features hold here."""
    features = ["rent_by_spec", "rent_idempotency", "run_record"]
    return {"features": features, "name": "lium_site", "version": PROJECT["version"]}


class TrialBalance(Schema):
    """The sum of all accounts' balances by currency, exact as text: anything but zero is a fault."""

    trial_balance: dict[str, str]


@api.get("/status/ledger", response=TrialBalance, tags=["market"])
def trial_balance(request: HttpRequest) -> dict[str, Any]:
    """Show in public that the accounts balance."""
    sums = operations.balances_by_currency()
    return {"trial_balance": {currency: f"{total:f}" for currency, total in sums.items()}}


def envelope(error: DomainError) -> dict[str, Any]:
    """Write a refusal as the client reads it."""
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "request_id": request_context.current().request_id,
            "data": dict(error.data),
        },
        "message": error.message,
        "detail": error.message,
    }


def refuse(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Answer with a refusal's status and envelope."""
    response = api.create_response(request, envelope(error), status=error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


@api.exception_handler(DomainError)
def on_domain_error(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Render what a service refused."""
    return refuse(request, error)


@api.exception_handler(AuthenticationError)
def on_authentication_error(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Render a missing or dead credential."""
    return refuse(
        request,
        Unauthenticated(
            "No valid API key or session was sent.",
            hint="Send an API key as X-API-KEY; make one on the Keys page or with `lium signup`.",
        ),
    )


@api.exception_handler(ValidationError)
def on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Render input that does not fit the schema."""
    return refuse(request, misfit(error, docs="/api/docs"))


@api.exception_handler(Http404)
def on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    """Render an unknown id."""
    return refuse(request, NotFound("There is no such object, or it is not yours."))


@api.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Render what ninja itself refuses, such as a body that is no JSON."""
    return refuse(request, unreadable(error))


def misfit(error: ValidationError, *, docs: str) -> Invalid:
    """Say of each field what is wrong with it."""
    problems = [
        {"field": _field(problem), "message": str(problem["msg"])} for problem in error.errors
    ]
    text = "; ".join(f"{item['field']}: {item['message']}" for item in problems)
    return Invalid(
        f"The request is not valid. {text}",
        hint=f"See {docs} for the fields of this call.",
        data={"fields": problems},
    )


def unreadable(error: HttpError) -> DomainError:
    """Say that the body could not be read."""
    refusal = DomainError(str(error), hint="Send one JSON object as the body.")
    refusal.status = error.status_code
    return refusal


def _field(problem: Mapping[str, Any]) -> str:
    where = [str(part) for part in problem.get("loc", ()) if part not in ("body", "payload")]
    return ".".join(where) or "body"
