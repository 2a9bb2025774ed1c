"""Pages that belong to no app: home, status, health, and what an error looks like."""

import redis
from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing import ledger
from core.errors import DomainError, Forbidden, Invalid, NotFound
from lium_site.api import envelope


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is and show that it lives."""
    return render(request, "home.html")


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Show what the market rests on: the ledger's sum, the chain's height, the queues."""
    return render(request, "status.html", {"trial_balance": ledger.trial_balance()})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers."""
    return JsonResponse({"ok": True})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether what this process needs answers too."""
    checks = {"database": _database(), "redis": _redis()}
    ready = all(value == "ok" for value in checks.values())
    return JsonResponse({"ok": ready, "checks": checks}, status=200 if ready else 503)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render a request that Django itself refused."""
    return _error(request, Invalid("The request could not be understood."), 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render a refusal of Django's own, such as a stale form."""
    return _error(
        request,
        Forbidden("This was refused.", hint="Go back, reload the page and try again."),
        403,
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render an unknown address or somebody else's object: the same words."""
    return _error(request, NotFound("There is no such page, or it is not yours to see."), 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Render our own fault."""
    return _error(request, DomainError("Something broke on our side. It has been recorded."), 500)


def _error(request: HttpRequest, error: DomainError, status: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(envelope(error), status=status)
    return render(request, "error.html", {"error": error, "status": status}, status=status)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except OperationalError as error:
        return f"does not answer: {error}"
    return "ok"


def _redis() -> str:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        return f"does not answer: {error}"
    return "ok"
