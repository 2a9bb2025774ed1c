"""One effect for each Idempotency-Key of a workspace; a repeat gets the stored answer, refusals included.

The row is committed before the work, the answer after it. What the work makes bears an id derived from the row: after
a crash between the two the effect is found again by that id, and a second one cannot be made beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from accounts.models import Workspace
from core.errors import Conflict, DomainError, Invalid
from rentals.models import IdempotentRequest

LONGEST_KEY: Final = 200
KEPT_FOR: Final = timedelta(hours=48)
# A request that has not answered by now has died with its process: the next one takes over.
LONGEST_WORK: Final = timedelta(seconds=300)
REPLAYED: Final = {"Idempotent-Replayed": "true"}

Body = dict[str, Any]


class KeyReused(Conflict):
    """The key came with another request."""

    code = "idempotency_key_reused"


class InProgress(Conflict):
    """The first request with this key is still being decided."""

    code = "idempotency_in_progress"


class ReplayedRefusal(DomainError):
    """What was refused before, in the same words."""

    def __init__(self, status: int, stored: Mapping[str, Any]) -> None:
        super().__init__(stored["message"], hint=stored["hint"], data=stored["data"])
        self.status = status
        self.code = stored["code"]
        self.headers = REPLAYED


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What to do once: ``run`` makes the effect under the given id, ``find`` answers for one that exists."""

    run: Callable[[UUID], Body]
    find: Callable[[UUID], Body | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a success, and whether it is the stored one."""

    body: Body
    replayed: bool = False


def once(*, workspace: Workspace, key: str, fingerprint: str, work: Work, now: datetime) -> Answer:
    """Do the work unless a request with this key has done it; give its answer either way.

    :raises KeyReused: the key was sent with another request.
    :raises InProgress: the first request is still running.
    :raises ReplayedRefusal: the first request was refused.
    """
    if len(key) > LONGEST_KEY:
        raise Invalid(
            f"The Idempotency-Key is longer than {LONGEST_KEY} characters.", hint="Use a UUID."
        )
    row, is_first = IdempotentRequest.objects.get_or_create(
        workspace=workspace, key=key, defaults={"fingerprint": fingerprint, "started_at": now}
    )
    if row.fingerprint != fingerprint:
        raise KeyReused(
            "This Idempotency-Key was sent before with another request.",
            hint="Make a new key for each request; keep it only to repeat the very same one.",
        )
    if row.status_code is not None:
        return _replay(row.status_code, row.body or {})
    return _work(row, work, now) if is_first else _resume(row, work, now)


def forget(now: datetime) -> int:
    """Delete the answers that nobody may ask for any more."""
    return IdempotentRequest.objects.filter(started_at__lt=now - KEPT_FOR).delete()[0]


def _replay(status: int, stored: Body) -> Answer:
    if status >= 400:
        raise ReplayedRefusal(status, stored)
    return Answer(stored, replayed=True)


def _resume(row: IdempotentRequest, work: Work, now: datetime) -> Answer:
    """Answer for an effect whose answer was lost, or take over from a request that died before it."""
    if body := work.find(_effect_id(row)):
        _store(row, 200, body, now)
        return Answer(body, replayed=True)
    dead = IdempotentRequest.objects.filter(
        pk=row.pk, status_code=None, started_at__lt=now - LONGEST_WORK
    )
    if not dead.update(started_at=now):
        raise InProgress(
            "The first request with this Idempotency-Key is still running.",
            hint="Ask again in a few seconds with the same key.",
        )
    return _work(row, work, now)


def _work(row: IdempotentRequest, work: Work, now: datetime) -> Answer:
    try:
        body = work.run(_effect_id(row))
    except DomainError as error:
        if _is_final(error):
            _store(row, error.status, _refusal(error), now)
        else:
            row.delete()
        raise
    except Exception:
        # Nothing was decided, so the key is free again; an effect that was committed is found by its id.
        if work.find(_effect_id(row)) is None:
            row.delete()
        raise
    _store(row, 200, body, now)
    return Answer(body)


def _effect_id(row: IdempotentRequest) -> UUID:
    return uuid5(NAMESPACE_OID, f"idempotent-request:{row.workspace_id}:{row.key}:{row.pk}")


def _is_final(error: DomainError) -> bool:
    """Whether a repeat should hear the same: not so for "too many tries" and "not available now"."""
    return error.status < 500 and error.status != 429


def _refusal(error: DomainError) -> Body:
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "data": error.data,
    }


def _store(row: IdempotentRequest, status: int, body: Body, now: datetime) -> None:
    IdempotentRequest.objects.filter(pk=row.pk, status_code=None).update(
        status_code=status, body=body, finished_at=now
    )
