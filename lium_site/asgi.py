"""One origin, two ways in: sockets and followed logs are ASGI, all else goes through the WSGI bridge."""

import os
import re

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lium_site.settings.base")
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402

from billing.routing import websocket_urlpatterns as billing_sockets  # noqa: E402
from core.errors import DomainError  # noqa: E402
from lium_site.bridge import Receive, Scope, Send, WsgiBridge  # noqa: E402
from lium_site.refusals import refuse  # noqa: E402
from lium_site.wsgi import application as wsgi_application  # noqa: E402
from marketplace.routing import websocket_urlpatterns as marketplace_sockets  # noqa: E402
from rentals.log_stream import follow_logs  # noqa: E402
from rentals.routing import websocket_urlpatterns as rentals_sockets  # noqa: E402

FOLLOWED_LOG = re.compile(r"/api/pods/(?P<pod_id>[0-9a-fA-F-]{36})/logs")

pages = WsgiBridge(
    wsgi_application,
    threads=settings.HTTP_THREADS,
    max_body=settings.DATA_UPLOAD_MAX_MEMORY_SIZE + (64 << 10),
)
sockets = AllowedHostsOriginValidator(
    AuthMiddlewareStack(URLRouter([*rentals_sockets, *marketplace_sockets, *billing_sockets]))
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each connection the way that serves it best."""
    if scope["type"] == "websocket":
        await sockets(scope, receive, send)
    elif match := _followed_log(scope):
        await _follow(scope, receive, send, pod_id=match["pod_id"])
    else:
        await pages(scope, receive, send)


async def _follow(scope: Scope, receive: Receive, send: Send, *, pod_id: str) -> None:
    try:
        await follow_logs(scope, receive, send, pod_id=pod_id)
    except DomainError as error:
        await refuse(send, error)


def _followed_log(scope: Scope) -> re.Match[str] | None:
    wants = scope["method"] == "GET" and b"follow=true" in scope["query_string"].lower()
    return FOLLOWED_LOG.fullmatch(scope["path"]) if wants else None
