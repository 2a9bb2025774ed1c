"""Pages of hotkeys: signing in with a wallet, and which hotkeys sign an account in."""

from collections.abc import Sequence
from typing import cast

from allauth.account.utils import perform_login
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import SignatureForm
from accounts.models import User
from accounts.services import challenges, hotkeys, sessions
from core import clock
from core.errors import DomainError


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show a text to be signed with a hotkey, and sign its holder in."""
    form = SignatureForm(request.POST or None)
    if request.method != "POST":
        return _sign_in_page(request, form)
    if not form.is_valid():
        return _sign_in_page(request, form, form.problems, status=422)
    try:
        user = hotkeys.sign_in(**form.proof(), now=clock.now())
        sessions.refuse_suspended(user)
    except DomainError as error:
        return _sign_in_page(request, form, said(error), status=error.status)
    # As the usual page does it: the browser is listed on the account page and can be signed out there.
    signed_in: HttpResponse = perform_login(request, user, redirect_url=_next(request))
    return signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def linked(request: HttpRequest) -> HttpResponse:
    """List the hotkeys that sign this account in, and link another."""
    form = SignatureForm(request.POST or None)
    if request.method != "POST":
        return _linked_page(request, form)
    if not form.is_valid():
        return _linked_page(request, form, form.problems, status=422)
    try:
        hotkey = hotkeys.link(user=_user(request), **form.proof(), now=clock.now())
    except DomainError as error:
        return _linked_page(request, form, said(error), status=error.status)
    messages.success(request, f"The hotkey {hotkey.address} signs you in from now on.")
    return redirect("hotkeys")


@require_POST
@login_required
def unlink(request: HttpRequest, address: str) -> HttpResponse:
    """Stop a hotkey from signing this account in."""
    try:
        hotkeys.unlink(
            user=_user(request),
            address=address,
            now=clock.now(),
            browser=request.session.session_key,
        )
    except hotkeys.OnlyWayIn as error:
        return _linked_page(request, SignatureForm(), said(error), status=error.status)
    messages.success(
        request, f"The hotkey {address} no longer signs you in, and all other sessions have ended."
    )
    return redirect("hotkeys")


def said(error: DomainError) -> list[str]:
    """Give a refusal in words for the page."""
    return [f"{error.message} {error.hint}".strip()]


def asking(form: SignatureForm, text: str) -> SignatureForm:
    """Ask for a signature over a new text; an old one counts no more, the address that was typed stays."""
    return SignatureForm(initial={"address": form.data.get("address", ""), "message": text})


def _sign_in_page(
    request: HttpRequest, form: SignatureForm, problems: Sequence[str] = (), *, status: int = 200
) -> HttpResponse:
    text = challenges.challenge(now=clock.now())
    context = {
        "form": asking(form, text),
        "text": text,
        "problems": problems,
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    return render(request, "accounts/hotkey_sign_in.html", context, status=status)


def _linked_page(
    request: HttpRequest, form: SignatureForm, problems: Sequence[str] = (), *, status: int = 200
) -> HttpResponse:
    user = _user(request)
    text = challenges.challenge(now=clock.now(), purpose=hotkeys.link_purpose(user))
    context = {
        "form": asking(form, text),
        "text": text,
        "problems": problems,
        "hotkeys": user.hotkeys.order_by("pk"),
    }
    return render(request, "accounts/hotkeys.html", context, status=status)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else reverse("provider")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
