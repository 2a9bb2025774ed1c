"""What is served past Django's middleware, with what that would add: an id, a line in the log, refusals in words."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

import structlog
from django.core.handlers.wsgi import WSGIRequest

from core import request_context
from core.errors import DomainError
from lium_site.api_refusals import envelope
from lium_site.bridge import Scope, Send, environ
from lium_site.middleware import DATA_POLICY, describe, note


async def serve(scope: Scope, send: Send, answer: Callable[[Send], Awaitable[None]]) -> None:
    """Let ``answer`` answer one request of the API; a refusal before its first byte becomes the envelope."""
    request, started = WSGIRequest(environ(scope, b"")), perf_counter()
    context = describe(request)
    named = _Named(send, context.request_id)
    with (
        request_context.serving(context),
        structlog.contextvars.bound_contextvars(request_id=context.request_id),
    ):
        try:
            await answer(named)
        except DomainError as error:
            await _refuse(named, error)
        finally:
            note(request, status=named.status, started=started)


class _Named:
    """A way to the client that adds the request's id, and remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.send = send
        self.header = (b"x-request-id", request_id.encode())
        self.status: int | None = None

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], self.header]}
        await self.send(message)


async def _refuse(send: Send, error: DomainError) -> None:
    body = json.dumps(envelope(error)).encode()
    told = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "content-security-policy": DATA_POLICY,
        "x-content-type-options": "nosniff",
        **error.headers,
    }
    headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
