"""Pages of deposits: the workspace's address, its transfers, its coldkeys, and paying in alpha."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import visitor
from accounts.forms import SignatureForm
from accounts.hotkey_views import asking, said
from accounts.models import Scope
from accounts.services import api_keys
from accounts.services.api_keys import KeyRequest
from billing import access, deposit_pages, rates
from billing.chain.gateway import gateway
from billing.models import LinkedColdkey
from billing.services import alpha, coldkeys, local_payment
from core import clock
from core.errors import DomainError, NotFound, Unavailable

QUOTES: Final = "billing:alpha:quotes"
QUOTE_SECONDS: Final = 30


@require_safe
@login_required
def deposits(request: HttpRequest) -> HttpResponse:
    """Show the workspace's address and everything that came."""
    return render(request, "billing/deposits.html", _overview(request))


@require_safe
@login_required
def deposits_live(request: HttpRequest) -> HttpResponse:
    """Give what the socket would push, for a page without one."""
    context = deposit_pages.live(visitor(request).workspace)
    return render(request, "billing/deposits.html#push", context)


@require_POST
@login_required
def deposit_test_tao(request: HttpRequest) -> HttpResponse:
    """Send test TAO from the faucet of the local chain to the workspace's address.

    :raises NotFound: this market runs on a real chain.
    """
    if settings.MARKET_CHAIN != "local":
        raise NotFound("This market runs on a real chain: there is no test TAO.")
    local_payment.send_test_tao(visitor(request).workspace, now=clock.now())
    return redirect("deposits")


@require_safe
@login_required
def deposit(request: HttpRequest, deposit_id: UUID) -> HttpResponse:
    """Show one deposit: its way, its state in words, and what happened to it."""
    return render(request, "billing/deposit.html", _detail(request, deposit_id))


@require_safe
@login_required
def deposit_live(request: HttpRequest, deposit_id: UUID) -> HttpResponse:
    """Give what the socket would push, for a page without one."""
    return render(request, "billing/deposit.html#push", _detail(request, deposit_id))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def linked_coldkeys(request: HttpRequest) -> HttpResponse:
    """List the coldkeys whose payments are credited, and link another."""
    form = SignatureForm(request.POST or None)
    if request.method != "POST":
        return _coldkeys_page(request, form)
    if not form.is_valid():
        return _coldkeys_page(request, form, form.problems, status=422)
    try:
        coldkey = coldkeys.link(principal=visitor(request), **form.proof(), now=clock.now())
    except DomainError as error:
        return _coldkeys_page(request, form, said(error), status=error.status)
    messages.success(request, f"What {coldkey.address} sends is credited to you from now on.")
    return redirect("coldkeys")


@require_POST
@login_required
def coldkey_unlink(request: HttpRequest, address: str) -> HttpResponse:
    """Stop crediting what a coldkey sends."""
    coldkeys.unlink(principal=visitor(request), address=address, now=clock.now())
    messages.success(request, f"What {address} sends is no longer credited to you.")
    return redirect("coldkeys")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def pay_in_alpha(request: HttpRequest) -> HttpResponse:
    """Say how to pay in alpha, and make the key that the client needs for it; the key is shown this once."""
    principal, secret = visitor(request), ""
    if request.method == "POST":
        wanted = KeyRequest(name="lium fund --alpha", scopes=[Scope.ALPHA])
        try:
            _, secret = api_keys.create(principal=principal, request=wanted, now=clock.now())
        except DomainError as error:
            messages.error(request, said(error)[0])
    context = deposit_pages.alpha_page(principal.workspace, quotes=_quotes())
    return render(request, "billing/alpha.html", {**context, "new_api_key": secret})


def _overview(request: HttpRequest) -> dict[str, Any]:
    workspace, now = visitor(request).workspace, clock.now()
    rate, page = rates.current_or_none(now=now), request.GET.get("page", "1")
    return deposit_pages.overview(workspace, rate=rate, page=page, now=now)


def _detail(request: HttpRequest, deposit_id: UUID) -> dict[str, Any]:
    principal = visitor(request)
    return deposit_pages.detail(access.deposit_for(principal, deposit_id), principal.workspace)


def _coldkeys_page(
    request: HttpRequest, form: SignatureForm, problems: Sequence[str] = (), *, status: int = 200
) -> HttpResponse:
    workspace = visitor(request).workspace
    text = coldkeys.challenge(workspace, now=clock.now())
    context = {
        "form": asking(form, text),
        "text": text,
        "problems": problems,
        "coldkey": True,
        "coldkeys": LinkedColdkey.objects.filter(workspace=workspace).order_by("pk"),
        "treasury": settings.TREASURY_ADDRESS,
    }
    return render(request, "billing/coldkeys.html", context, status=status)


def _quotes() -> list[alpha.AlphaQuote]:
    """Ask what alpha is worth, half a minute at once for all; nothing where nobody tells."""
    found: list[alpha.AlphaQuote] | None = cache.get(QUOTES)
    if found is None:
        found = []
        with suppress(Unavailable):
            found = [
                alpha.quote(gateway(), netuid=netuid, now=clock.now())
                for netuid in alpha.accepted()
            ]
        cache.set(QUOTES, found, QUOTE_SECONDS)
    return found
