"""Structured logs: one event a line, with the request id; secrets never enter an event."""

import logging
import logging.config
import sys
from functools import partial
from typing import Any, TextIO

import structlog


class Writer(structlog.WriteLogger):
    """A logger that keeps the name of its module for `add_logger_name`."""

    def __init__(self, name: str = "", *, file: TextIO) -> None:
        super().__init__(file)
        self.name = name


def configure(*, json: bool) -> None:
    """Write what we log and what libraries log as the same lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    # Our own events are written at once: by way of a record of the standard library each would cost twice the time.
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=partial(Writer, file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "event": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processor": renderer,
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "event"}},
            "root": {"handlers": ["out"], "level": "INFO"},
            "loggers": {
                "paramiko": {"level": "CRITICAL"},
                "django.server": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
            },
        }
    )
