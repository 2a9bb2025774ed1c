"""What a machine asks before it adds itself, with a registration token or its provider's key."""

import shlex
from importlib.resources import files
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router

from core import request_context
from marketplace.checks import install_command
from marketplace.models import Provider
from marketplace.portal.auth import RegistrationAuth, bearer_token, provider
from marketplace.portal.wire import INSTALLED_USER

STEPS: Final = files("marketplace.machine") / "scripts" / "register.sh"

router = Router(tags=["machines"])


@router.get("/executors/register-script", auth=RegistrationAuth())
def script(request: HttpRequest) -> HttpResponse:
    """Give the script that adds the machine which asks, for a root shell there; it holds the credential that came."""
    text = register_script(
        provider=provider(request),
        token=bearer_token(request),
        portal_url=f"{settings.PUBLIC_URL}/portal",
        address=request_context.current().ip or "",
    )
    return HttpResponse(
        text, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def register_script(*, provider: Provider, token: str, portal_url: str, address: str) -> str:
    """Write what the script may know before what it does; ``address`` is where the machine is reached."""
    known = {
        "token": token,
        "portal": portal_url,
        "address": address,
        "let_in": install_command(user=INSTALLED_USER, public_key=provider.ssh_public_key),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in known.items()]
    return "\n".join(["#!/bin/sh", *lines, "", STEPS.read_text()])
