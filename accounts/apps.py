"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Configure the accounts app."""

    name = "accounts"
