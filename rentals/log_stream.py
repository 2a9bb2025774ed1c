"""Followed container logs, streamed as they come."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any


async def follow_logs(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    *,
    pod_id: str,
) -> None:
    """Stream the log of a pod to an API client."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})
