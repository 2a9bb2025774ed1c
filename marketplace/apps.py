"""App configuration."""

from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    """Configure the marketplace app."""

    name = "marketplace"
