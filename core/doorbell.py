"""Ringing a worker: the state in the database is the queue, a message is only a nudge."""

from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def ring(task: str, *, queue: str, expires: int = 60, **kwargs: Any) -> None:
    """Send a task by name once the transaction is committed; a lost nudge is found by the sweep.

    ``expires`` is in seconds: a nudge older than that only repeats what the sweep did meanwhile.
    """
    transaction.on_commit(partial(_send, task, queue, expires, kwargs), robust=True)


def _send(task: str, queue: str, expires: int, kwargs: dict[str, Any]) -> None:
    try:
        current_app.send_task(task, kwargs=kwargs, queue=queue, expires=expires)
    except (OperationalError, OSError) as error:
        log.warning("doorbell.lost", task=task, error=str(error))
