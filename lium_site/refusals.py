"""A refusal as an answer: the API's envelope, the portal's, a fragment for htmx, or a page."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from core.errors import DomainError
from lium_site.api_refusals import envelope
from lium_site.portal_api import portal_envelope

DATA_PATHS = ("/api/", "/portal/")


class BodyTooLarge(DomainError):
    """More was sent than is read."""

    code = "too_large"
    status = 413


class MethodNotAllowed(DomainError):
    """The address is there, and does not take this method."""

    code = "method_not_allowed"
    status = 405


def is_data(request: HttpRequest) -> bool:
    """Say whether a program asks, and not a page."""
    return request.path.startswith(DATA_PATHS)


def respond(request: HttpRequest, error: DomainError, *, status: int | None = None) -> HttpResponse:
    """Answer with a refusal; ``status`` is where Django's own differs from the error's."""
    response = _body(request, error, status or error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


def _body(request: HttpRequest, error: DomainError, status: int) -> HttpResponse:
    if is_data(request):
        told = portal_envelope if request.path.startswith("/portal/") else envelope
        return JsonResponse(told(error), status=status)
    template = "error_fragment.html" if request.headers.get("HX-Request") else "error.html"
    return render(request, template, {"error": error, "status": status}, status=status)
