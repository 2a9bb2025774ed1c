"""Telling open pages that something changed: apps publish, the roof decides how it travels."""

from collections.abc import Callable
from functools import partial

from django.db import transaction

Publisher = Callable[[str, str], None]

_publisher: list[Publisher] = []


def set_publisher(publisher: Publisher) -> None:
    """Let the roof name the one function that carries messages."""
    _publisher[:] = [publisher]


def publish(topic: str, message: str = "") -> None:
    """Send a message to everyone who watches ``topic``, once the transaction is committed.

    A lost message costs nothing: a page asks again on its own.
    """
    transaction.on_commit(partial(_send, topic, message), robust=True)


def _send(topic: str, message: str) -> None:
    for publisher in _publisher:
        publisher(topic, message)
