"""Request ids on every answer, and refusals rendered once at the edge."""

import re
from collections.abc import Callable
from time import perf_counter
from typing import Final
from uuid import uuid4

import structlog
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from core import request_context
from core.errors import DomainError, Unauthenticated
from core.request_context import RequestContext

log = structlog.get_logger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]
SAFE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
SOURCES: Final = {"sdk", "cli", "mcp"}
DATA_PATHS: Final = ("/api/", "/portal/")
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
ADMIN_POLICY: Final = {
    "script-src": ["'self'", "'unsafe-eval'", "'unsafe-inline'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}


class RequestIdMiddleware:
    """Name each request, tell the logs, the audit trail and the client."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request under its id."""
        context = describe(request)
        started = perf_counter()
        with (
            request_context.serving(context),
            structlog.contextvars.bound_contextvars(request_id=context.request_id),
        ):
            response = self.get_response(request)
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                milliseconds=round((perf_counter() - started) * 1000, 1),
            )
        response["X-Request-Id"] = context.request_id
        return response


class ContentPolicyMiddleware(CSPMiddleware):
    """The content policy of pages, wider under /admin for its theme (ADR 0003), fixed for data.

    A policy that is worked out for a reply that no browser renders would be a tenth of the request.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set the policy that fits what is sent."""
        if response.get("Content-Type", "").startswith("application/json"):
            response["Content-Security-Policy"] = DATA_POLICY
            return response
        if request.path.startswith("/admin/"):
            response._csp_replace = ADMIN_POLICY  # type: ignore[attr-defined]
        return super().process_response(request, response)


class DomainErrorMiddleware:
    """Render a refusal that a page did not handle as a readable page or fragment."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass through; `process_exception` does the work."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn a `DomainError` into its status and words."""
        if not isinstance(error, DomainError):
            return None
        if isinstance(error, Unauthenticated) and not request.path.startswith(DATA_PATHS):
            return HttpResponse(
                status=302, headers={"Location": f"{reverse('account_login')}?next={request.path}"}
            )
        template = "error_fragment.html" if request.headers.get("HX-Request") else "error.html"
        response = render(request, template, {"error": error}, status=error.status)
        for name, value in error.headers.items():
            response[name] = value
        return response


def describe(request: HttpRequest) -> RequestContext:
    """Read id, address and source of a request; a malformed id from outside is replaced."""
    sent = request.headers.get("X-Request-Id", "")
    source = request.headers.get("X-Source", "")
    areas = {"api": "api", "portal": "api", "admin": "admin"}
    fallback = areas.get(request.path.split("/")[1], "portal")
    return RequestContext(
        request_id=sent if SAFE_ID.fullmatch(sent) else uuid4().hex,
        ip=client_ip(request),
        user_agent=request.headers.get("User-Agent", "")[:200],
        source=source if source in SOURCES else fallback,
        method=request.method or "",
        route=request.path,
    )


def client_ip(request: HttpRequest) -> str | None:
    """Give the peer's address; a proxy's word counts only when one is configured."""
    if settings.BEHIND_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
        return forwarded or request.META.get("REMOTE_ADDR") or None
    return request.META.get("REMOTE_ADDR") or None
