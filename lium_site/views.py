"""Pages that belong to no app: home, status, health, and what an error looks like."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from core import clock, request_context
from core.errors import DomainError, Forbidden, Invalid, NotFound
from lium_site import operations
from lium_site.api import envelope
from lium_site.middleware import DATA_PATHS
from lium_site.portal_api import portal_envelope
from marketplace.offer_rows import front_page
from marketplace.selectors.market import market_figures


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is and show that it lives."""
    now = clock.now()
    context = {"figures": market_figures(now=now), "offers": front_page(now=now)}
    return render(request, "home.html", context)


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Show what the market rests on: its parts, the ledger's sum, the chain's height, the queues."""
    now = clock.now()
    chain = operations.chain()
    found = [*operations.checks(now=now), operations.chain_check(chain, now=now)]
    found += operations.alert_checks(operations.alerts())
    balances = [
        {"currency": currency, "total": total}
        for currency, total in operations.trial_balance().items()
    ]
    context = {
        "checks": found,
        "overall": operations.overall(found),
        "read_at": now,
        "queues": operations.queues(),
        "trial_balance": balances,
        "chain": chain,
    }
    return render(request, "status.html", context)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers."""
    return JsonResponse({"ok": True})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether what this process needs answers too."""
    found = operations.checks(now=clock.now())
    ready = operations.overall(found) == "ok"
    answers = {check.label: check.detail for check in found}
    return JsonResponse({"ok": ready, "checks": answers}, status=200 if ready else 503)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render a request that Django itself refused."""
    return _error(request, Invalid("The request could not be understood."), 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render a refusal of Django's own, such as a stale form."""
    return _error(
        request,
        Forbidden("This was refused.", hint="Go back, reload the page and try again."),
        403,
    )


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Render a form that was sent without its token, which Django would do with a page that our policy breaks."""
    return forbidden(request, PermissionError(reason))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render an unknown address or somebody else's object: the same words."""
    return _error(request, NotFound("There is no such page, or it is not yours to see."), 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Render our own fault; the page asks nothing of the database, which may be the fault."""
    if request.path.startswith(DATA_PATHS):
        return _error(request, DomainError("Something broke on our side. It was recorded."), 500)
    page = render_to_string("500.html", {"request_id": request_context.current().request_id})
    return HttpResponse(page, status=500)


def _error(request: HttpRequest, error: DomainError, status: int) -> HttpResponse:
    if request.path.startswith(DATA_PATHS):
        told = portal_envelope if request.path.startswith("/portal/") else envelope
        return JsonResponse(told(error), status=status)
    return render(request, "error.html", {"error": error, "status": status}, status=status)
