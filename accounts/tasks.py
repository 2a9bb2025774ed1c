"""Celery tasks of accounts: thin, named, safe to repeat."""

from typing import Final

from celery import shared_task

from accounts.services import challenges, sessions
from core import clock

# Seconds between rings; the roof gives them to beat.
SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {
    "accounts.forget_signatures": ("accounts.tasks.forget_stale_signatures", 3600.0, "celery"),
    "accounts.forget_sessions": ("accounts.tasks.forget_ended_sessions", 3600.0, "celery"),
}


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def forget_stale_signatures(**_: object) -> None:
    """Delete used signatures that can never be fresh again."""
    challenges.forget_stale(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def forget_ended_sessions(**_: object) -> None:
    """Delete the sessions that nobody can use any more."""
    sessions.forget_ended(now=clock.now())
