"""Pages of what reaches a provider: mail, notices, demand; and who they are."""

from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import visitor
from core import clock
from core.errors import Invalid
from marketplace.console import doors
from marketplace.console.forms import FollowForm, MailForm, NameForm
from marketplace.models import Notice, Provider
from marketplace.selectors import demand
from marketplace.services import providers, webhooks

NOTICES_SHOWN: Final = 100


@login_required
@require_safe
def provider_notices(request: HttpRequest) -> HttpResponse:
    """List what is announced for one's machines, and what was."""
    provider = doors.provider_for(visitor(request))
    mine = Notice.objects.filter(node__provider=provider).select_related("node__gpu_model")
    open_ones = mine.filter(cancelled_at=None, ended_at=None)
    over = mine.exclude(pk__in=open_ones.values("pk"))
    context = {
        "open_notices": open_ones.order_by("starts_at"),
        "past_notices": over.order_by("-pk")[:NOTICES_SHOWN],
    }
    return render(request, "provide/notices.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def provider_demand(request: HttpRequest) -> HttpResponse:
    """Show what renters look for and do not find; choose what to hear of."""
    asking = visitor(request)
    provider = doors.provider_for(asking)
    form = FollowForm(request.POST or None, initial={"gpus": provider.subscribed_gpus})
    if request.method == "POST" and form.is_valid():
        names = form.cleaned_data["gpus"]
        providers.subscribe(principal=asking, provider=provider, gpu_names=names, now=clock.now())
        messages.success(request, "Saved.")
        return redirect("provider_demand")
    context = {"wanted": demand.demand(), "form": form, "provider": provider}
    return render(request, "provide/demand.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def provider_account(request: HttpRequest) -> HttpResponse:
    """Show by what name and keys the provider is known, and choose what comes by mail."""
    asking = visitor(request)
    provider = doors.provider_for(asking)
    if request.method != "POST":
        return _account(request, provider)
    # An empty choice is a choice: it comes as a form without any kind.
    form = MailForm(request.POST)
    if not form.is_valid():
        return _account(request, provider, mail=form)
    kinds = form.cleaned_data["kinds"]
    webhooks.choose_mail(principal=asking, provider=provider, kinds=kinds, now=clock.now())
    messages.success(request, "Saved." if kinds else "Saved: nothing comes by mail.")
    return redirect("provider_account")


@login_required
@require_POST
def provider_name(request: HttpRequest) -> HttpResponse:
    """Change the name that everybody reads."""
    asking = visitor(request)
    provider = doors.provider_for(asking)
    form = NameForm(request.POST)
    if not form.is_valid():
        return _account(request, provider, name=form)
    try:
        providers.rename(
            principal=asking, provider=provider, name=form.cleaned_data["name"], now=clock.now()
        )
    except Invalid as error:
        form.add_error("name", f"{error.message} {error.hint}")
        return _account(request, provider, name=form)
    messages.success(request, f"Your machines are offered by {provider.name} from now on.")
    return redirect("provider_account")


def _account(
    request: HttpRequest,
    provider: Provider,
    *,
    mail: MailForm | None = None,
    name: NameForm | None = None,
) -> HttpResponse:
    context = {
        "provider": provider,
        "owner": visitor(request).workspace.owner,
        "form": mail or MailForm(initial={"kinds": webhooks.mail_kinds(provider)}),
        "name_form": name or NameForm(initial={"name": provider.name}),
    }
    status = 422 if mail or name else 200
    return render(request, "provide/account.html", context, status=status)
