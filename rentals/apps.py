"""App configuration."""

from django.apps import AppConfig


class RentalsConfig(AppConfig):
    """Configure the rentals app."""

    name = "rentals"
