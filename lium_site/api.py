"""The renter API under /api: one envelope for every refusal (contract: `message` and `detail` at the top)."""

import tomllib
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from ninja import Schema

from accounts.api import router as accounts_router
from billing.api import router as billing_router
from core.errors import Unauthenticated
from lium_site import operations
from lium_site.api_refusals import answer_refusals, envelope
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
answer_refusals(
    api,
    wrap=envelope,
    no_credential=Unauthenticated(
        "No valid API key or session was sent.",
        hint="Send an API key as X-API-KEY; make one on the Keys page or with `lium signup`.",
    ),
    docs="/api/docs",
)


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
