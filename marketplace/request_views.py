"""Asking for a GPU that is sold out, and what one waits for."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import visitor
from accounts.models import Scope
from accounts.principal import Principal
from core import clock
from marketplace import limits
from marketplace.selectors import demand
from marketplace.services import requests


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def machine_request(request: HttpRequest) -> HttpResponse:
    """List what the caller waits for; note that they wait for a GPU, and ask providers for it."""
    principal = visitor(request)
    if request.method == "POST":
        return _ask(request, principal)
    mine = demand.open_requests().filter(workspace=principal.workspace)
    context = {"wishes": mine.select_related("gpu_model"), "kept": requests.KEPT}
    return render(request, "marketplace/requests.html", context)


@login_required
@require_POST
def machine_request_withdraw(request: HttpRequest, wish_id: UUID) -> HttpResponse:
    """Wait no longer."""
    requests.withdraw(workspace=visitor(request).workspace, public_id=wish_id)
    messages.success(request, "You wait for it no longer.")
    return redirect("machine_request")


def _ask(request: HttpRequest, principal: Principal) -> HttpResponse:
    principal.require(Scope.RENT)
    limits.asking(principal.workspace)
    wishes = requests.request_any(
        workspace=principal.workspace,
        gpu_name=request.POST.get("gpu", ""),
        gpu_count=_count(request.POST.get("gpus", "")),
        now=clock.now(),
    )
    asked = sum(wish.notified_count for wish in wishes)
    names = ", ".join(wish.gpu_model.name for wish in wishes)
    heard = f" {asked} providers were asked." if asked else ""
    wait = f"within {requests.KEPT.days} days"
    messages.success(request, f"Noted: you get one mail when {names} can be rented {wait}.{heard}")
    return redirect(_back(request))


def _count(text: str) -> int:
    return min(max(int(text), 1), 64) if text.isascii() and text.isdigit() else 1


def _back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else "machines"
