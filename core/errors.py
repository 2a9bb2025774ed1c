"""Refusals that a person can act on: what is wrong, why, what to do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class DomainError(Exception):
    """A refusal with a stable code, an HTTP status and words for the person who caused it.

    ``message`` says what and why, ``hint`` says what to do, ``data`` carries the figures;
    ``headers`` go out with the answer.
    """

    code = "refused"
    status = 400
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, message: str, *, hint: str = "", data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = dict(data or {})


class Invalid(DomainError):
    """The input cannot mean anything here."""

    code = "invalid"
    status = 422


class NotFound(DomainError):
    """There is no such object, or it is not the caller's to know of."""

    code = "not_found"
    status = 404


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    code = "permission_denied"
    status = 403


class Unauthenticated(DomainError):
    """The caller is not known: no credential, or a dead one."""

    code = "invalid_api_key"
    status = 401


class Conflict(DomainError):
    """The state of the object does not allow this now."""

    code = "conflict"
    status = 409


class IllegalTransition(Conflict):
    """The transition table has no such move."""

    code = "illegal_transition"


class RateLimited(DomainError):
    """Too many tries; ``retry_after`` is in whole seconds."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, *, retry_after: int, hint: str = "") -> None:
        super().__init__(message, hint=hint, data={"retry_after": retry_after})
        self.retry_after = retry_after
        self.headers = {"Retry-After": str(retry_after)}


class Unavailable(DomainError):
    """Something that we depend on does not answer; nothing was changed."""

    code = "unavailable"
    status = 503
