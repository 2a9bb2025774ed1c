"""The Celery app. A message is a doorbell: the state in the database is the queue."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lium_site.settings.base")

app = Celery("lium_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
