"""Pages of webhooks, of a workspace that rents and of one that provides."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Workspace
from accounts.principal import Principal
from marketplace import webhook_pages
from marketplace.console import doors
from marketplace.webhook_pages import Side


def _workspace_of(asking: Principal) -> Workspace:
    return asking.workspace


PROVIDER = Side(
    owner_of=doors.provider_for,
    template="provide/webhooks.html",
    page="provider_webhooks",
    action="webhook",
)
WORKSPACE = Side(
    owner_of=_workspace_of,
    template="accounts/webhooks.html",
    page="workspace_webhooks",
    action="workspace_webhook",
)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def provider_webhooks(request: HttpRequest) -> HttpResponse:
    """List a provider's webhooks and their deliveries; add one and show its secret, this once."""
    return webhook_pages.page(request, PROVIDER)


@login_required
@require_POST
def webhook_test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send a provider's webhook an event that means nothing."""
    return webhook_pages.send_test(request, PROVIDER, webhook_id)


@login_required
@require_POST
def webhook_enable(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Turn a provider's webhook on (``enabled`` = yes) or off."""
    return webhook_pages.enable(request, PROVIDER, webhook_id)


@login_required
@require_POST
def webhook_delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Forget a provider's webhook."""
    return webhook_pages.delete(request, PROVIDER, webhook_id)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def workspace_webhooks(request: HttpRequest) -> HttpResponse:
    """List a workspace's webhooks and their deliveries; add one and show its secret, this once."""
    return webhook_pages.page(request, WORKSPACE)


@login_required
@require_POST
def workspace_webhook_test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send a workspace's webhook an event that means nothing."""
    return webhook_pages.send_test(request, WORKSPACE, webhook_id)


@login_required
@require_POST
def workspace_webhook_enable(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Turn a workspace's webhook on (``enabled`` = yes) or off."""
    return webhook_pages.enable(request, WORKSPACE, webhook_id)


@login_required
@require_POST
def workspace_webhook_delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Forget a workspace's webhook."""
    return webhook_pages.delete(request, WORKSPACE, webhook_id)
