"""The page that proves where a provider is paid."""

from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import visitor
from accounts.forms import SignatureForm
from accounts.hotkey_views import asking, said
from accounts.services import challenges
from core import clock
from core.errors import DomainError
from marketplace.services import providers


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def coldkey(request: HttpRequest) -> HttpResponse:
    """Show a text to be signed with a coldkey, and pay there from then on."""
    form = SignatureForm(request.POST or None)
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, form.problems, status=422)
    try:
        proven = providers.prove_coldkey(
            principal=visitor(request), **form.proof(), now=clock.now()
        )
    except DomainError as error:
        return _page(request, form, said(error), status=error.status)
    messages.success(request, f"You are paid to {proven.coldkey} from now on.")
    return redirect("provider_coldkey")


def _page(
    request: HttpRequest, form: SignatureForm, problems: Sequence[str] = (), *, status: int = 200
) -> HttpResponse:
    now = clock.now()
    provider = providers.provider_of(visitor(request), now=now)
    text = challenges.challenge(now=now, purpose=providers.coldkey_purpose(provider))
    context = {
        "form": asking(form, text),
        "text": text,
        "problems": problems,
        "provider": provider,
        "coldkey": True,
    }
    return render(request, "provide/coldkey.html", context, status=status)
