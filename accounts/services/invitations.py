"""Asking somebody into a workspace by e-mail; only the address that was asked may come."""

from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts import limits
from accounts.models import INVITABLE, Invitation, Membership, User
from accounts.principal import Principal, person
from accounts.services import audit
from accounts.services.workspaces import manages
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
    if not manages(membership):
        raise Forbidden("Only the owner or an admin may invite people.")
    if role not in INVITABLE:
        raise Invalid(f"{role!r} is not a role to invite to.", hint="Choose admin or member.")
    if membership.workspace.is_personal:
        raise Conflict(
            "A personal workspace is for one.", hint="Make a team: lium workspaces create NAME"
        )
    email = _checked_email(email)
    _refuse_member(membership, email)
    limits.invitation(principal.user.pk)
    token = new_token("in")
    with transaction.atomic():
        invitation = Invitation.objects.create(
            workspace=membership.workspace,
            email=email,
            role=role,
            digest=digest(token),
            created_at=now,
            expires_at=now + INVITATION_LIFE,
        )
        _record("workspace.member.invite", invitation, actor=principal.actor(), now=now)
    return invitation, token


def find(*, token: str, now: datetime) -> Invitation:
    """Give the open invitation of a link.

    :raises NotFound: used, expired, or never made.
    """
    open_ones = Invitation.objects.filter(
        accepted_at=None, expires_at__gt=now, workspace__closed_at=None
    )
    invitation = open_ones.select_related("workspace").filter(digest=digest(token)).first()
    if invitation is None:
        raise NotFound("This invitation is used up or has expired.", hint="Ask for a new one.")
    return invitation


def accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """Join the workspace; a repeat gives the membership that exists.

    :raises Forbidden: the invitation is for another address.
    """
    if (user.email or "").lower() != invitation.email:
        raise Forbidden(
            "This invitation is for another e-mail address than yours.",
            hint="Sign in with the address that the mail went to.",
        )
    with transaction.atomic():
        membership, created = Membership.objects.get_or_create(
            workspace=invitation.workspace,
            user=user,
            defaults={"role": invitation.role, "created_at": now},
        )
        Invitation.objects.filter(pk=invitation.pk).update(accepted_at=now)
        if created:
            _record("workspace.member.join", invitation, actor=person(user), now=now)
    return membership


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(f"{email!r} is not an e-mail address.") from error
    return email


def _refuse_member(membership: Membership, email: str) -> None:
    members = Membership.objects.filter(workspace=membership.workspace)
    if members.filter(user__in=User.objects.with_email(email)).exists():
        raise Conflict(f"{email} is a member of this workspace.")


def _record(action: str, invitation: Invitation, *, actor: Actor, now: datetime) -> None:
    audit.record(
        action=action,
        actor=actor,
        workspace_id=invitation.workspace_id,
        resource=("invitation", invitation.public_id),
        result={"email": invitation.email, "role": invitation.role},
        now=now,
    )
