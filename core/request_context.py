"""What is known of the request in hand, for the audit trail: set by the web floor, read anywhere below."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: ``source`` is portal, api, cli, sdk, mcp or admin, and is what the caller claims."""

    request_id: str = ""
    ip: str | None = None
    user_agent: str = ""
    source: str = ""
    method: str = ""
    route: str = ""


NO_REQUEST = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=NO_REQUEST)


def current() -> RequestContext:
    """Give the request in hand; empty outside one (a task, a command)."""
    return _current.get()


@contextmanager
def serving(context: RequestContext) -> Iterator[None]:
    """Hold a request's context while it is answered."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
