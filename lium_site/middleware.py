"""Request ids on every answer, and refusals rendered once at the edge."""

import re
from collections.abc import Callable
from time import perf_counter
from typing import Final
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import structlog
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme

from core import request_context
from core.errors import DomainError
from core.request_context import RequestContext
from lium_site.bridge import BODY_TOO_LARGE
from lium_site.refusals import BodyTooLarge, MethodNotAllowed, is_data, respond

log = structlog.get_logger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]
SAFE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
SOURCES: Final = {"sdk", "cli", "mcp"}
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
            note(request, status=response.status_code, started=started)
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


class RefusalMiddleware:
    """Render what no view answered in words: its refusal, a method that it does not take, a body too large."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request, whose body the bridge may have given up."""
        if request.META.get(BODY_TOO_LARGE):
            return respond(request, _too_large())
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):
            return respond(request, _not_allowed(request, response["Allow"]))
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn a `DomainError` into its status and words."""
        return respond(request, error) if isinstance(error, DomainError) else None


class SignInMiddleware:
    """Lead who must sign in before a form counts back to the page that holds it, and not to the form's own address."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request."""
        response = self.get_response(request)
        if request.method == "POST" and _asks_to_sign_in(response):
            messages.warning(request, "Nothing was done yet: sign in, then press the button again.")
            response["Location"] = _sign_in_for(_page_of(request))
        return response


def note(request: HttpRequest, *, status: int | None, started: float) -> None:
    """Write the one line that each request leaves; no status is a client that left before the answer."""
    log.info(
        "request",
        method=request.method,
        path=request.path,
        status=status,
        milliseconds=round((perf_counter() - started) * 1000, 1),
    )


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


def _too_large() -> DomainError:
    return BodyTooLarge(
        f"At most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE >> 20} MiB are read of a request, and more was sent.",
        hint="Send less at once.",
    )


def _not_allowed(request: HttpRequest, allowed: str) -> DomainError:
    error = MethodNotAllowed(
        f"This address does not take {request.method}.",
        hint=f"It takes {allowed}."
        if is_data(request)
        else "It belongs to a form: go back to the page with the button, and press it there.",
    )
    error.headers = {"Allow": allowed}
    return error


def _asks_to_sign_in(response: HttpResponse) -> bool:
    if not isinstance(response, HttpResponseRedirect):
        return False
    url = urlsplit(response.url)
    return url.path == settings.LOGIN_URL and f"{REDIRECT_FIELD_NAME}=" in url.query


def _page_of(request: HttpRequest) -> str:
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return urlsplit(page)._replace(scheme="", netloc="", fragment="").geturl() if ours else ""


def _sign_in_for(page: str) -> str:
    query = f"?{urlencode({REDIRECT_FIELD_NAME: page})}" if page else ""
    return f"{settings.LOGIN_URL}{query}"
