"""Closing an account's doors and opening them again, by an operator, with a reason."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from accounts.services import audit, powers, sessions
from accounts.services.signup import personal_workspace
from core.actors import Actor
from core.errors import Conflict


def suspend(*, user: User, actor: Actor, reason: str, now: datetime) -> None:
    """Refuse every credential of an account; its pods run on and are the operator's to end.

    :raises Conflict: it is suspended.
    """
    with transaction.atomic():
        _switch(user, active=False)
        sessions.end_all(user=user, actor=actor, reason=reason, now=now)
        _record("account.suspend", user, actor=actor, reason=reason, now=now)


def reinstate(*, user: User, actor: Actor, reason: str, now: datetime) -> None:
    """Accept an account's credentials again; its sessions stay ended.

    :raises Conflict: it is not suspended. :raises Forbidden: it has powers, and the actor is no superuser.
    """
    with transaction.atomic():
        _switch(user, active=True)
        powers.require_may_give_back(User.objects.get(pk=user.pk), actor)
        _record(powers.REINSTATE, user, actor=actor, reason=reason, now=now)


def _switch(user: User, *, active: bool) -> None:
    if not User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
        raise Conflict(f"The account is {'active' if active else 'suspended'} already.")


def _record(action: str, user: User, *, actor: Actor, reason: str, now: datetime) -> None:
    audit.record(
        action=action,
        actor=actor,
        workspace_id=personal_workspace(user).pk,
        resource=("user", user.public_id),
        reason=reason,
        now=now,
    )
