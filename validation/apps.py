"""Proof of GPU as an installed app."""

from django.apps import AppConfig


class ValidationConfig(AppConfig):
    """Configure validation."""

    name = "validation"
