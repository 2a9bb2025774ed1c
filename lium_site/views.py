"""Pages that belong to no app: home, status, health, and what an error looks like."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from core import clock, request_context
from core.errors import DomainError, Forbidden, Invalid, NotFound
from lium_site import operations
from lium_site.refusals import is_data, respond
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
    found += [operations.price_check(now=now), *operations.reconciliation_checks()]
    found += operations.alert_checks(operations.alerts())
    balances = [
        {"currency": currency, "total": total}
        for currency, total in operations.balances_by_currency().items()
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
    return respond(request, Invalid("The request could not be understood."), status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render a refusal of Django's own, such as a stale form."""
    return respond(
        request, Forbidden("This was refused.", hint="Go back, reload the page and try again.")
    )


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Render a form that was sent without its token, which Django would do with a page that our policy breaks."""
    return forbidden(request, PermissionError(reason))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render an unknown address or somebody else's object: the same words."""
    return respond(request, NotFound("There is no such page, or it is not yours to see."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Render our own fault; the page asks nothing of the database, which may be the fault."""
    if is_data(request):
        broken = DomainError("Something broke on our side. It was recorded.")
        return respond(request, broken, status=500)
    page = render_to_string("500.html", {"request_id": request_context.current().request_id})
    return HttpResponse(page, status=500)
