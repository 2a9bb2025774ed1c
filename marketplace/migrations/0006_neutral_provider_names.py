"""Rename the providers whose public name is an e-mail address of their owner, or the part of one before its @."""

from typing import Any

from django.db import migrations


def rename(apps: Any, _: Any) -> None:
    """Give each the neutral name; whoever wants another sets it on the account page."""
    provider_model = apps.get_model("marketplace", "Provider")
    email_model = apps.get_model("account", "EmailAddress")
    for provider in provider_model.objects.exclude(workspace=None).select_related(
        "workspace__owner"
    ):
        owner = provider.workspace.owner
        others = email_model.objects.filter(user_id=owner.pk).values_list("email", flat=True)
        told = {owner.email or "", *others}
        parts = {text.casefold() for email in told for text in (email, email.partition("@")[0])}
        if provider.name.casefold() in parts or "@" in provider.name:
            provider.name = f"provider-{provider.public_id.hex[:6]}"
            provider.save(update_fields=["name"])


class Migration(migrations.Migration):
    """What was replaced is not written down anywhere, so there is no way back."""

    dependencies = [
        ("marketplace", "0005_usage_is_charged_and_paid"),
        ("accounts", "0001_initial"),
        ("account", "0001_initial"),
    ]

    operations = [migrations.RunPython(rename, migrations.RunPython.noop, elidable=True)]
