"""The roof as an installed app: its commands and template tags; loads the Celery app in every process."""

from django.apps import AppConfig

from core import live
from lium_site.celery import app as celery_app
from lium_site.live import hub

__all__ = ["LiumSiteConfig", "celery_app"]


class LiumSiteConfig(AppConfig):
    """Configure the roof."""

    name = "lium_site"

    def ready(self) -> None:
        """Wire what the lower floors leave to the roof."""
        live.install(hub)
