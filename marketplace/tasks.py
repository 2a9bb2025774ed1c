"""Celery tasks of marketplace: thin, named, safe to repeat."""

from typing import Final

SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {}
