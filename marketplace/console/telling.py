"""Pages of what reaches a provider: webhooks with their log, mail, notices, demand; and who they are."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import DomainError
from marketplace import outbox
from marketplace.console import doors
from marketplace.console.forms import FollowForm, MailForm, WebhookForm
from marketplace.models import Notice, WebhookDelivery
from marketplace.selectors import demand
from marketplace.services import announcing, providers, webhook_health, webhooks

DELIVERIES_SHOWN: Final = 50
NOTICES_SHOWN: Final = 100


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def provider_webhooks(request: HttpRequest) -> HttpResponse:
    """List webhooks and their deliveries; add one and show its secret, this once."""
    if request.method != "POST":
        return _webhooks_page(request, WebhookForm())
    asking, form = doors.principal(request), WebhookForm(request.POST)
    provider = doors.provider_for(asking)
    if not form.is_valid():
        return _webhooks_page(request, form, status=422)
    try:
        webhook, secret = webhooks.add(
            principal=asking, provider=provider, **form.cleaned_data, now=clock.now()
        )
    except DomainError as error:
        return _webhooks_page(request, _refused(form, error), status=error.status)
    return _webhooks_page(request, WebhookForm(), new=webhook, new_secret=secret)


@login_required
@require_POST
def webhook_test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send an event that means nothing."""
    webhook = doors.webhook_for(doors.principal(request), webhook_id)
    webhooks.send_test(webhook=webhook, now=clock.now())
    messages.success(request, "A test is on its way; the log below says how it went.")
    return redirect("provider_webhooks")


@login_required
@require_POST
def webhook_enable(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Turn a webhook on (``enabled`` = yes) or off."""
    asking = doors.principal(request)
    webhook = doors.webhook_for(asking, webhook_id)
    on = request.POST.get("enabled") == "yes"
    webhooks.set_enabled(principal=asking, webhook=webhook, enabled=on, now=clock.now())
    messages.success(request, "Events are sent there." if on else "Nothing is sent there any more.")
    return redirect("provider_webhooks")


@login_required
@require_POST
def webhook_delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Forget a webhook."""
    asking = doors.principal(request)
    webhook = doors.webhook_for(asking, webhook_id)
    webhooks.delete(principal=asking, webhook=webhook, now=clock.now())
    messages.success(request, "The webhook was deleted, and its log with it.")
    return redirect("provider_webhooks")


@never_cache
@login_required
@require_safe
def provider_notices(request: HttpRequest) -> HttpResponse:
    """List what is announced for one's machines, and what was."""
    provider = doors.provider_for(doors.principal(request))
    mine = Notice.objects.filter(node__provider=provider).select_related("node__gpu_model")
    open_ones = mine.filter(cancelled_at=None, ended_at=None)
    over = mine.exclude(pk__in=open_ones.values("pk"))
    context = {
        "open_notices": open_ones.order_by("starts_at"),
        "past_notices": over.order_by("-pk")[:NOTICES_SHOWN],
    }
    return render(request, "provide/notices.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def provider_demand(request: HttpRequest) -> HttpResponse:
    """Show what renters look for and do not find; choose what to hear of."""
    asking = doors.principal(request)
    provider = doors.provider_for(asking)
    form = FollowForm(request.POST or None, initial={"gpus": provider.subscribed_gpus})
    if request.method == "POST" and form.is_valid():
        names = form.cleaned_data["gpus"]
        providers.subscribe(principal=asking, provider=provider, gpu_names=names, now=clock.now())
        messages.success(request, "Saved.")
        return redirect("provider_demand")
    context = {"wanted": demand.demand(), "form": form, "provider": provider}
    return render(request, "provide/demand.html", context, status=422 if form.errors else 200)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def provider_account(request: HttpRequest) -> HttpResponse:
    """Show by what keys the provider is known, and choose what comes by mail."""
    asking = doors.principal(request)
    provider = doors.provider_for(asking)
    chosen = {"kinds": webhooks.mail_kinds(provider)}
    # An empty choice is a choice: it comes as a form without any kind.
    form = MailForm(request.POST if request.method == "POST" else None, initial=chosen)
    if request.method == "POST" and form.is_valid():
        kinds = form.cleaned_data["kinds"]
        webhooks.choose_mail(principal=asking, provider=provider, kinds=kinds, now=clock.now())
        messages.success(request, "Saved." if kinds else "Saved: nothing comes by mail.")
        return redirect("provider_account")
    context = {"provider": provider, "form": form, "owner": asking.workspace.owner}
    return render(request, "provide/account.html", context, status=422 if form.errors else 200)


def _webhooks_page(
    request: HttpRequest, form: WebhookForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    provider = doors.provider_for(doors.principal(request))
    sent = WebhookDelivery.objects.filter(webhook__provider=provider).select_related("webhook")
    mine = webhooks.webhooks_of(provider)
    context = {
        "webhooks": mine,
        "switched_off": mine.exclude(disabled_why="").exists(),
        "patience": webhook_health.PATIENCE,
        "deliveries": sent.order_by("-pk")[:DELIVERIES_SHOWN],
        "form": form,
        "kinds": outbox.KINDS,
        "most": webhooks.MOST,
        "tries": announcing.TRIES,
        "owner_mail": outbox.OWNER_MAIL,
    }
    return render(request, "provide/webhooks.html", context | more, status=status)


def _refused(form: WebhookForm, error: DomainError) -> WebhookForm:
    form.add_error(None, f"{error.message} {error.hint}".strip())
    return form
