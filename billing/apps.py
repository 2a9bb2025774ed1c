"""App configuration."""

from importlib import import_module

from django.apps import AppConfig
from django.core.checks import register


class BillingConfig(AppConfig):
    """Configure the billing app."""

    name = "billing"

    def ready(self) -> None:
        """Register the checks."""
        # They need the models, which exist only once every app is loaded.
        register(import_module("billing.checks").chain_can_be_asked)
        register(import_module("billing.rates.checks").feeds_are_readable)
