"""Asking somebody into a workspace by e-mail; only the address that was asked may come."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts import email_address, limits
from accounts.models import INVITABLE, Invitation, Membership, User, Workspace
from accounts.principal import Principal, person
from accounts.services import audit, workspaces
from core.actors import Actor
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.tokens import digest, new_token

INVITATION_LIFE: Final = timedelta(days=7)


def invite(
    *, membership: Membership, principal: Principal, email: str, role: str, now: datetime
) -> tuple[Invitation, str]:
    """Make an invitation and give it with the token for its link, which cannot be read again.

    :raises Forbidden: the caller manages nobody here.
    :raises Invalid: there is no such role, or the address is none.
    :raises Conflict: the workspace is personal, or the person is a member.
    :raises RateLimited: too many invitations.
    """
    require_manager(membership)
    if role not in INVITABLE:
        raise Invalid(f"{role!r} is not a role to invite to.", hint="Choose admin or member.")
    if membership.workspace.is_personal:
        raise Conflict(
            "A personal workspace is for one.", hint="Make a team: lium workspaces create NAME"
        )
    email = email_address.parse(email)
    _refuse_member(membership, email)
    limits.invitation(principal.user.pk)
    token = new_token("in")
    with transaction.atomic():
        workspaces.lock(membership)
        require_manager(membership)
        invitation = Invitation.objects.create(
            workspace=membership.workspace,
            email=email,
            role=role,
            invited_by=principal.user,
            digest=digest(token),
            created_at=now,
            expires_at=now + INVITATION_LIFE,
        )
        _record("workspace.member.invite", invitation, actor=principal.actor(), now=now)
    return invitation, token


def require_manager(membership: Membership) -> None:
    """Leave invitations to who manages the workspace.

    :raises Forbidden: the member does not.
    """
    if not workspaces.manages(membership):
        raise Forbidden(
            "Only the owner or an admin may invite people.", hint="Ask one of them to do it."
        )


def withdraw(*, invitation: Invitation, actor: Actor, now: datetime, reason: str = "") -> None:
    """End an open invitation; its link stops working at once.

    :raises NotFound: it was used, withdrawn or expired before.
    """
    with transaction.atomic():
        if not Invitation.objects.open(now=now).filter(pk=invitation.pk).update(expires_at=now):
            raise used_up()
        _record("workspace.invitation.withdraw", invitation, actor=actor, reason=reason, now=now)


def find(*, token: str, now: datetime) -> Invitation:
    """Give the open invitation of a link.

    :raises NotFound: used, expired, or never made.
    """
    open_ones = Invitation.objects.open(now=now).select_related("workspace")
    invitation = open_ones.filter(digest=digest(token)).first()
    if invitation is None:
        raise used_up()
    return invitation


def used_up() -> NotFound:
    """Refuse an invitation that nobody can take any more."""
    return NotFound("This invitation is used up or has ended.", hint="Ask for a new one.")


def accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """Join the workspace, and use up every invitation to it; a repeat gives the membership that exists.

    :raises Forbidden: the invitation is for another address. :raises NotFound: it has ended meanwhile.
    """
    if (user.email or "").lower() != invitation.email:
        raise Forbidden(
            "This invitation is for another e-mail address than yours.",
            hint="Sign in with the address that the mail went to.",
        )
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update(no_key=True).get(pk=invitation.workspace_id)
        waiting = Invitation.objects.open(now=now).filter(
            workspace=workspace, email=invitation.email
        )
        membership = Membership.objects.filter(workspace=workspace, user=user).first()
        if membership is None:
            if not waiting.filter(pk=invitation.pk).exists():
                raise used_up()
            membership = Membership.objects.create(
                workspace=workspace, user=user, role=invitation.role, created_at=now
            )
            _record("workspace.member.join", invitation, actor=person(user), now=now)
        waiting.update(accepted_at=now)
    return membership


def _refuse_member(membership: Membership, email: str) -> None:
    members = Membership.objects.filter(workspace=membership.workspace)
    if members.filter(user__in=User.objects.with_email(email)).exists():
        raise Conflict(f"{email} is a member of this workspace.")


def _record(
    action: str, invitation: Invitation, *, actor: Actor, now: datetime, reason: str = ""
) -> None:
    audit.record(
        action=action,
        actor=actor,
        workspace_id=invitation.workspace_id,
        resource=("invitation", invitation.public_id),
        reason=reason,
        result={"email": invitation.email, "role": invitation.role},
        now=now,
    )
