"""What administrators may do: given, taken and given back by superusers, with a reason, and kept with before and after."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from accounts.models import AuditEvent, User
from accounts.services import audit
from accounts.services.signup import personal_workspace
from core.actors import Actor
from core.errors import Forbidden, Invalid

# What was given less than this ago neither proposes nor approves: whoever made an accomplice is seen first.
SETTLED_AFTER: Final = timedelta(hours=24)
GIVE, TAKE = "account.powers.give", "account.powers.take"
# Old powers work again from here on.
REINSTATE = "account.reinstate"


def change(
    *,
    user: User,
    is_staff: bool,
    is_superuser: bool,
    groups: Collection[Group],
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Let a person be staff or a superuser, and in these groups, or no longer.

    :raises Invalid: no reason was given.
    """
    _require_reason(reason)
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        before = _powers_of(locked)
        locked.is_staff, locked.is_superuser = is_staff, is_superuser
        locked.save(update_fields=["is_staff", "is_superuser"])
        locked.groups.set(groups)
        _record(locked, before, _powers_of(locked), actor=actor, reason=reason, now=now)


def change_group(
    *,
    group: Group,
    name: str,
    permissions: Collection[Permission],
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Let the members of a group, which may be new, do these things; kept for each of them.

    :raises Invalid: no reason was given.
    """
    _require_reason(reason)
    with transaction.atomic():
        before = _allowed_to(group) if group.pk else []
        group.name = name
        group.save()
        group.permissions.set(permissions)
        after = _allowed_to(group)
        audit.record(
            action="admin.group",
            actor=actor,
            resource=("group", group.pk),
            reason=reason,
            result={"name": name, "before": before, "after": after},
            now=now,
        )
        for member in User.objects.filter(groups=group):
            had, has = {name: before}, {name: after}
            _record(member, had, has, actor=actor, reason=reason, now=now)


def require_settled(actor: Actor, *, now: datetime) -> None:
    """Let nobody propose or approve what leaves the treasury whose powers are new, or newly work again.

    :raises Forbidden: they were given, or the account reinstated, within the last day.
    """
    given = AuditEvent.objects.filter(
        action__in=(GIVE, REINSTATE), resource_type="user", resource_id=actor.id
    )
    if given.filter(created_at__gt=now - SETTLED_AFTER).exists():
        hours = SETTLED_AFTER // timedelta(hours=1)
        raise Forbidden(
            f"This account was given powers, or reinstated, within the last {hours} hours: "
            "it neither proposes nor approves what leaves the treasury yet.",
            hint="Ask another administrator, or wait.",
        )


def require_may_give_back(user: User, actor: Actor) -> None:
    """Let only a superuser open an account again that has powers.

    :raises Forbidden: it has some, and the actor is none.
    """
    has_powers = user.is_staff or user.is_superuser or user.groups.exists()
    superusers = User.objects.filter(is_superuser=True, is_active=True)
    if has_powers and not superusers.filter(public_id=actor.id).exists():
        raise Forbidden("Only a superuser reinstates an account that has powers.")


def _powers_of(user: User) -> dict[str, Any]:
    groups = sorted(user.groups.values_list("name", flat=True))
    return {"staff": user.is_staff, "superuser": user.is_superuser, "groups": groups}


def _allowed_to(group: Group) -> list[str]:
    return sorted(group.permissions.values_list("codename", flat=True))


def _record(
    user: User,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    if before == after:
        return
    audit.record(
        action=GIVE if _gained(before, after) else TAKE,
        actor=actor,
        workspace_id=personal_workspace(user).pk,
        resource=("user", user.public_id),
        reason=reason,
        result={"before": before, "after": after},
        now=now,
    )


def _gained(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether anything is there now, flag or name of a list, that was not."""
    return any(
        set(held) - set(before[what]) if isinstance(held, list) else held and not before[what]
        for what, held in after.items()
    )


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why.", hint="The reason is kept in the audit trail.")
