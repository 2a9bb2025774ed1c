"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Configure the accounts app."""

    name = "accounts"
    # allauth's own app is called Accounts.
    verbose_name = "People and keys"
