"""Refusals of what is served past Django: the API's envelope, with the headers that its middleware would add."""

import json
from uuid import uuid4

from core import request_context
from core.errors import DomainError
from core.request_context import RequestContext
from lium_site.api import envelope
from lium_site.bridge import Send
from lium_site.middleware import DATA_POLICY


async def refuse(send: Send, error: DomainError) -> None:
    """Answer a request, of which nothing was answered yet."""
    request_id = uuid4().hex
    with request_context.serving(RequestContext(request_id=request_id)):
        body = json.dumps(envelope(error)).encode()
    told = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "content-security-policy": DATA_POLICY,
        "x-content-type-options": "nosniff",
        "x-request-id": request_id,
        **error.headers,
    }
    headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
