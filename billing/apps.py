"""App configuration."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Configure the billing app."""

    name = "billing"
