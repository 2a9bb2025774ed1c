"""Websocket routes of the rentals app."""

from typing import Any

websocket_urlpatterns: list[Any] = []
