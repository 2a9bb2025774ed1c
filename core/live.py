"""Telling open pages that something changed: apps publish and subscribe, the roof decides how it travels."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from django.db import transaction

Listener = Callable[[str], Awaitable[None]]


class Carrier(Protocol):
    """What the roof provides: one connection a process, many local listeners."""

    def send(self, topic: str, message: str) -> None:
        """Tell every process, now."""

    def subscribe(self, topic: str, listener: Listener) -> None:
        """Call ``listener`` for each message of ``topic`` in this process."""

    def unsubscribe(self, topic: str, listener: Listener) -> None:
        """Stop; harmless when it was not subscribed."""


_carrier: list[Carrier] = []


def install(carrier: Carrier) -> None:
    """Let the roof name the carrier."""
    _carrier[:] = [carrier]


def publish(topic: str, message: str = "") -> None:
    """Send a message to everyone who watches ``topic``, once the transaction is committed.

    A lost message costs nothing: a page asks again on its own.
    """
    transaction.on_commit(partial(_send, topic, message), robust=True)


def subscribe(topic: str, listener: Listener) -> None:
    """Call ``listener``, an async function of the message, until `unsubscribe`."""
    for carrier in _carrier:
        carrier.subscribe(topic, listener)


def unsubscribe(topic: str, listener: Listener) -> None:
    """Stop calling ``listener``."""
    for carrier in _carrier:
        carrier.unsubscribe(topic, listener)


def _send(topic: str, message: str) -> None:
    for carrier in _carrier:
        carrier.send(topic, message)
