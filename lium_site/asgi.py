"""One origin, two ways in: sockets and followed logs are ASGI, all else goes through the WSGI bridge."""

import os
import re
from functools import partial
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lium_site.settings.base")
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402

from billing.routing import websocket_urlpatterns as billing_sockets  # noqa: E402
from lium_site import past_django  # noqa: E402
from lium_site.bridge import Receive, Scope, Send, WsgiBridge  # noqa: E402
from lium_site.wsgi import application as wsgi_application  # noqa: E402
from marketplace.routing import websocket_urlpatterns as marketplace_sockets  # noqa: E402
from rentals.log_stream import follow_logs, lines_to_follow  # noqa: E402
from rentals.routing import websocket_urlpatterns as rentals_sockets  # noqa: E402

FOLLOWED_LOG = re.compile(r"/api/pods/(?P<pod_id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})/logs")

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
    elif found := _followed_log(scope):
        pod_id, lines = found
        follow = partial(follow_logs, scope, receive, pod_id=pod_id, lines=lines)
        await past_django.serve(scope, send, follow)
    else:
        await pages(scope, receive, send)


def _followed_log(scope: Scope) -> tuple[UUID, int] | None:
    match = FOLLOWED_LOG.fullmatch(scope["path"]) if scope["method"] == "GET" else None
    lines = lines_to_follow(scope["query_string"]) if match else None
    return (UUID(match["pod_id"]), lines) if match and lines else None
