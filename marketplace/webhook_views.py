"""Pages of webhooks, of a workspace that rents and of one that provides; the address says which (``side``)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import visitor
from accounts.models import Workspace
from accounts.principal import Principal
from core import clock
from core.errors import DomainError, NotFound
from marketplace.console import doors
from marketplace.console.forms import WebhookForm
from marketplace.event_kinds import kinds_of
from marketplace.models import Webhook, WebhookDelivery
from marketplace.models.webhook import OWNER_MAIL, Owner
from marketplace.services import deliveries, webhook_health, webhooks

DELIVERIES_SHOWN: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Whose webhooks the pages are about; ``page`` and ``action`` name addresses: ``action`` goes on with test, enable, delete.

    ``owner_of`` raises NotFound for who has none.
    """

    owner_of: Callable[[Principal], Owner]
    template: str
    page: str
    action: str


def _workspace_of(asking: Principal) -> Workspace:
    return asking.workspace


PROVIDER: Final = Side(
    owner_of=doors.provider_for,
    template="provide/webhooks.html",
    page="provider_webhooks",
    action="webhook",
)
WORKSPACE: Final = Side(
    owner_of=_workspace_of,
    template="accounts/webhooks.html",
    page="workspace_webhooks",
    action="workspace_webhook",
)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, side: Side) -> HttpResponse:
    """List webhooks and their deliveries; add one and show its secret, this once."""
    asking = visitor(request)
    owner = side.owner_of(asking)
    if request.method != "POST":
        return _render(request, side, owner, WebhookForm(choices=kinds_of(owner)))
    form = WebhookForm(request.POST, choices=kinds_of(owner))
    if not form.is_valid():
        return _render(request, side, owner, form, status=422)
    try:
        _, secret = webhooks.add(
            principal=asking, owner=owner, **form.cleaned_data, now=clock.now()
        )
    except DomainError as error:
        form.add_error(None, f"{error.message} {error.hint}".strip())
        return _render(request, side, owner, form, status=error.status)
    return _render(request, side, owner, WebhookForm(choices=kinds_of(owner)), new_secret=secret)


@login_required
@require_POST
def send_test(request: HttpRequest, side: Side, webhook_id: UUID) -> HttpResponse:
    """Send an event that means nothing."""
    webhooks.send_test(webhook=_webhook(request, side, webhook_id), now=clock.now())
    messages.success(request, "A test is on its way; the log below says how it went.")
    return redirect(side.page)


@login_required
@require_POST
def enable(request: HttpRequest, side: Side, webhook_id: UUID) -> HttpResponse:
    """Turn a webhook on (``enabled`` = yes) or off."""
    webhook, on = _webhook(request, side, webhook_id), request.POST.get("enabled") == "yes"
    asking = visitor(request)
    webhooks.set_enabled(principal=asking, webhook=webhook, enabled=on, now=clock.now())
    messages.success(request, "Events are sent there." if on else "Nothing is sent there any more.")
    return redirect(side.page)


@login_required
@require_POST
def delete(request: HttpRequest, side: Side, webhook_id: UUID) -> HttpResponse:
    """Forget a webhook."""
    webhook = _webhook(request, side, webhook_id)
    webhooks.delete(principal=visitor(request), webhook=webhook, now=clock.now())
    messages.success(request, "The webhook was deleted, and its log with it.")
    return redirect(side.page)


def _webhook(request: HttpRequest, side: Side, public_id: UUID) -> Webhook:
    mine = webhooks.webhooks_of(side.owner_of(visitor(request)))
    webhook = mine.filter(public_id=public_id).first()
    if webhook is None:
        raise NotFound("There is no such webhook of yours.", hint="The webhooks page lists them.")
    return webhook


def _render(
    request: HttpRequest,
    side: Side,
    owner: Owner,
    form: WebhookForm,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    mine = webhooks.webhooks_of(owner)
    sent = WebhookDelivery.objects.filter(webhook__in=Webhook.objects.of(owner))
    context = {
        "webhooks": mine,
        "switched_off": mine.exclude(disabled_why="").exists(),
        "patience": webhook_health.PATIENCE,
        "deliveries": sent.select_related("webhook").order_by("-pk")[:DELIVERIES_SHOWN],
        "form": form,
        "most": webhooks.MOST,
        "tries": deliveries.TRIES,
        "owner_mail": OWNER_MAIL,
        "to_test": f"{side.action}_test",
        "to_enable": f"{side.action}_enable",
        "to_delete": f"{side.action}_delete",
    }
    return render(request, side.template, context | more, status=status)
