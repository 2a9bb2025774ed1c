"""What both APIs answer to whom they refuse: all that is raised below them becomes a refusal of ours, in one envelope."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from core import request_context
from core.errors import DomainError, Invalid, NotFound, Unauthenticated

Envelope = Callable[[DomainError], dict[str, Any]]


def answer_refusals(
    api: NinjaAPI,
    *,
    wrap: Envelope,
    no_credential: Unauthenticated,
    docs: str,
    as_400: Collection[int] = (),
) -> None:
    """Have an API answer in its envelope; ``as_400`` are statuses that its client takes for faults of its own."""

    def answer(meaning: Callable[[Any], DomainError]) -> Callable[..., HttpResponse]:
        def handler(request: HttpRequest, error: Exception) -> HttpResponse:
            refusal = meaning(error)
            status = 400 if refusal.status in as_400 else refusal.status
            response = api.create_response(request, wrap(refusal), status=status)
            for name, value in refusal.headers.items():
                response[name] = value
            return response

        return handler

    api.add_exception_handler(DomainError, answer(lambda error: error))
    api.add_exception_handler(AuthenticationError, answer(lambda _: no_credential))
    api.add_exception_handler(ValidationError, answer(lambda error: _misfit(error, docs)))
    api.add_exception_handler(Http404, answer(_missing))
    api.add_exception_handler(HttpError, answer(_unreadable))


def envelope(error: DomainError) -> dict[str, Any]:
    """Write a refusal as the client reads it."""
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "request_id": request_context.current().request_id,
            "data": dict(error.data),
        },
        "message": error.message,
        "detail": error.message,
    }


def _missing(error: Http404) -> NotFound:
    return NotFound("There is no such object, or it is not yours.")


def _misfit(error: ValidationError, docs: str) -> Invalid:
    problems = [
        {"field": _field(problem), "message": str(problem["msg"])} for problem in error.errors
    ]
    text = "; ".join(f"{item['field']}: {item['message']}" for item in problems)
    return Invalid(
        f"The request is not valid. {text}",
        hint=f"See {docs} for the fields of this call.",
        data={"fields": problems},
    )


def _unreadable(error: HttpError) -> DomainError:
    refusal = DomainError(str(error), hint="Send one JSON object as the body.")
    refusal.status = error.status_code
    return refusal


def _field(problem: Mapping[str, Any]) -> str:
    where = [str(part) for part in problem.get("loc", ()) if part not in ("body", "payload")]
    return ".".join(where) or "body"
