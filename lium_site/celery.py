"""The Celery app. A message is a doorbell: the state in the database is the queue.

Each app's ``tasks.py`` may name its periodic tasks in ``SCHEDULE``: {name: (task, seconds, queue)}.
"""

import os
import sys
from importlib import import_module
from typing import Any, Final

from celery import Celery
from celery.signals import celeryd_after_setup, setup_logging, task_postrun, worker_process_init
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lium_site.settings.base")

APPS_WITH_TASKS: Final = ("accounts", "billing", "marketplace", "rentals", "validation")
QUEUES: Final = (
    "provision",
    "probe",
    "heartbeat",
    "checks",
    "sweep",
    "chain",
    "payout",
    "metering",
    "mail",
    "webhooks",
    "celery",
)

app = Celery("lium_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(list(APPS_WITH_TASKS))
# Around each task of a forked worker Celery closes the whole pool: a new server process and four threads for each bell.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize


@app.on_after_finalize.connect
def schedule(sender: Celery, **_: Any) -> None:
    """Collect every app's periodic tasks; a message that waited a whole period is dropped."""
    for name in APPS_WITH_TASKS:
        entries = getattr(import_module(f"{name}.tasks"), "SCHEDULE", {})
        for title, (task, seconds, queue) in entries.items():
            sender.conf.beat_schedule[title] = {
                "task": task,
                "schedule": seconds,
                "options": {"queue": queue, "expires": seconds},
            }


@setup_logging.connect
def keep_our_logs(**_: Any) -> None:
    """Stop Celery from replacing the log set-up of the settings."""


@celeryd_after_setup.connect
def fit_database_pool(instance: Any, **_: Any) -> None:
    """Give each thread of a worker its connection, and one more to renew its lease with."""
    pool = connections.settings["default"]["OPTIONS"]["pool"]
    pool["max_size"] = max(pool["max_size"], 2 * instance.concurrency)


@task_postrun.connect
def give_connections_back(task: Any, **_: Any) -> None:
    """Leave the task's connection to the pool, which keeps it open."""
    if not task.request.is_eager:
        connections.close_all()


@worker_process_init.connect
def forget_inherited_connections(**_: Any) -> None:
    """Give each pool child its own database connections: a forked pool shares sockets."""
    for connection in connections.all(initialized_only=True):
        connection.close_pool() if hasattr(connection, "close_pool") else connection.close()
