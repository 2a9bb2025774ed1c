"""Asking for a GPU that is sold out."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.access import principal_of
from accounts.models import Scope
from core import clock
from marketplace import limits
from marketplace.services import requests


@login_required
@require_POST
def machine_request(request: HttpRequest) -> HttpResponse:
    """Note that somebody waits for a GPU, and ask providers for it."""
    assert request.user.is_authenticated  # noqa: S101  # login_required says so
    principal = principal_of(request.user)
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
    messages.success(request, f"Noted: you get one mail when {names} can be rented.{heard}")
    return redirect(_back(request))


def _count(text: str) -> int:
    return min(max(int(text), 1), 64) if text.isascii() and text.isdigit() else 1


def _back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else "machines"
