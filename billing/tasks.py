"""Celery tasks of billing: thin, named, safe to repeat."""

from typing import Final

SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {}
