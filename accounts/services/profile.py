"""What people may change about themselves."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from accounts.principal import person
from accounts.services import audit
from accounts.services.signup import personal_workspace


def rename(*, user: User, name: str, now: datetime) -> None:
    """Change the name that others see."""
    with transaction.atomic():
        user.name = name.strip()
        user.save(update_fields=["name"])
        audit.record(
            action="account.update",
            actor=person(user),
            workspace_id=personal_workspace(user).pk,
            resource=("user", user.public_id),
            result={"name": user.name},
            now=now,
        )
