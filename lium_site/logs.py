"""Structured logs: one event a line, with the request id; secrets never enter an event."""

import logging
import logging.config
from typing import Any

import structlog


def configure(*, json: bool) -> None:
    """Send structlog and the standard library through one formatter."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
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
