"""The roof as an installed app: its commands and template tags; loads the Celery app in every process."""

from importlib import import_module

from django.apps import AppConfig

from lium_site.celery import app as celery_app

__all__ = ["LiumSiteConfig", "celery_app"]


class LiumSiteConfig(AppConfig):
    """Configure the roof."""

    name = "lium_site"

    def ready(self) -> None:
        """Wire what the lower floors leave to the roof."""
        # Models exist only once every app is loaded.
        import_module("lium_site.wiring").install()
