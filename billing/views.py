"""The billing pages; each calls one service or selector."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import visitor
from accounts.principal import Principal
from billing import access, export, invoice_page, limits, pages, rates, selectors
from billing.documents.invoice import invoice_document
from billing.documents.response import respond
from billing.documents.statement import period, statement_document
from billing.forms import CheckoutForm
from billing.rates import Rate, RateUnavailable
from billing.services import checkout as checkout_service
from billing.services import local_payment
from core import clock
from core.errors import DomainError, Invalid, NotFound


@require_safe
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """Show balance, spending, what happens next, invoices and the statement."""
    workspace = visitor(request).workspace
    page = pages.overview(workspace, page=request.GET.get("page", "1"), now=clock.now())
    return render(request, "billing/overview.html", page)


@require_safe
@login_required
def statement(request: HttpRequest) -> HttpResponseBase:
    """Give the whole statement entry by entry as CSV or JSON; or by day, a month or all of it, as PDF or CSV.

    :raises Invalid: the format is none of CSV, JSON and PDF, the month is none, or a PDF would be too long.
    :raises RateLimited: too many of this workspace.
    """
    wanted, workspace = request.GET.get("format", "csv"), visitor(request).workspace
    now = clock.now()
    rate = rates.current_or_none(now=now)
    if wanted == "pdf" or "month" in request.GET:
        limits.document(workspace)
        asked = period(workspace, request.GET.get("month", ""), now=now)
        return respond(statement_document(workspace, asked, rate=rate, now=now), wanted)
    if wanted not in export.FORMATS:
        raise Invalid(
            f"{wanted[:20]!r} is no format of the statement.", hint="Use csv, json or pdf."
        )
    limits.whole_statement(workspace.public_id)
    return export.FORMATS[wanted](workspace, export.Rates(workspace, present=rate, now=now))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def checkout(request: HttpRequest) -> HttpResponse:
    """Ask how much, and make the invoice."""
    principal = visitor(request)
    form = CheckoutForm(request.POST or None, initial={"next": request.GET.get("next", "")})
    if not form.is_valid():
        return _checkout_page(request, principal, form, status=422 if form.is_bound else 200)
    try:
        limits.invoice(principal.workspace)
        invoice = checkout_service.open_invoice(
            principal=principal,
            usd=form.cleaned_data["usd_amount"],
            rate=rates.current(now=clock.now()),
            now=clock.now(),
        )
    except DomainError as error:
        form.add_error(None, f"{error.message} {error.hint}".strip())
        return _checkout_page(request, principal, form, status=error.status)
    if form.cleaned_data["next"]:
        request.session[f"after:{invoice.public_id}"] = form.cleaned_data["next"]
    return redirect("invoice", invoice.public_id)


@require_safe
@login_required
def invoice(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Show how to pay, and how far the payment is."""
    return render(request, "billing/invoice.html", _invoice_page(request, invoice_id))


@require_safe
@login_required
def invoice_live(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Give what the socket would push, for a page without one."""
    return render(request, "billing/invoice.html#push", _invoice_page(request, invoice_id))


@require_safe
@login_required
def invoice_file(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Give an invoice to keep, as PDF or CSV."""
    found = access.invoice_for(visitor(request), invoice_id)
    limits.document(found.workspace)
    deposits = list(selectors.deposits_of(found))
    document = invoice_document(found, deposits, now=clock.now())
    return respond(document, request.GET.get("format", "pdf"))


@require_POST
@login_required
def invoice_pay_with_test_tao(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Pay what is missing from the faucet of the local chain.

    :raises NotFound: this market runs on a real chain.
    """
    if settings.MARKET_CHAIN != "local":
        raise NotFound("This market runs on a real chain: there is no test TAO.")
    found = access.invoice_for(visitor(request), invoice_id)
    local_payment.pay(found, now=clock.now())
    return redirect("invoice", found.public_id)


def _invoice_page(request: HttpRequest, invoice_id: UUID) -> dict[str, Any]:
    found = access.invoice_for(visitor(request), invoice_id)
    back = request.session.get(f"after:{found.public_id}", "")
    return {**invoice_page.context(found, now=clock.now()), "back_url": back}


def _checkout_page(
    request: HttpRequest, principal: Principal, form: CheckoutForm, *, status: int
) -> HttpResponse:
    rate, no_rate = _rate()
    context = {**pages.checkout(principal.workspace, rate=rate), "no_rate": no_rate, "form": form}
    try:
        checkout_service.require_configured()
    except DomainError as error:
        context["refusal"] = error
    return render(request, "billing/checkout_start.html", context, status=status)


def _rate() -> tuple[Rate | None, str]:
    try:
        return rates.current(now=clock.now()), ""
    except RateUnavailable as error:
        return None, f"{error.message} {error.hint}"
