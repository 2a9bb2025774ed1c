"""The one command with which a machine adds itself: made on demand, shown once."""

import shlex
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.access import visitor
from core import clock
from marketplace.services import providers, register_tokens


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Say what the command does; make one with a fresh token."""
    made = _make(request) if request.method == "POST" else {}
    return render(request, "provide/register.html", made)


def _make(request: HttpRequest) -> dict[str, Any]:
    asking, now = visitor(request), clock.now()
    provider = providers.provider_of(asking, now=now)
    token, expires_at = register_tokens.issue(principal=asking, provider=provider, now=now)
    credential = shlex.quote(f"Authorization: Bearer {token}")
    url = f"{settings.PUBLIC_URL}/portal/executors/register-script"
    command = f"curl -fsS -H {credential} {url} | sudo sh"
    return {"command": command, "token": token, "expires_at": expires_at}
