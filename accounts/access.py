"""The one door from a request to an object of accounts: what is not the caller's does not exist for them."""

from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from accounts import selectors
from accounts.models import ApiKey, ApiSession, Invitation, Membership, SshKey, User, Workspace
from accounts.principal import Principal
from core.errors import NotFound

T = TypeVar("T")


def visitor(request: HttpRequest) -> Principal:
    """Give who asks for a page that needs a sign-in, in their personal workspace."""
    return principal_of(cast(User, request.user))


def principal_of(user: User) -> Principal:
    """Give the principal of a page's user, in the personal workspace."""
    return principal_in(user, workspace_id=None)


def principal_in(user: User, *, workspace_id: UUID | None) -> Principal:
    """Give a signed-in person's principal in a workspace; None means the personal one.

    :raises NotFound: the workspace is gone or the person is no member of it.
    """
    which = Q(public_id=workspace_id) if workspace_id else Q(is_personal=True, owner=user)
    role = role_of(user=user, workspace=OuterRef("pk"))
    workspace = (
        Workspace.objects.filter(which, closed_at=None).annotate(role=Subquery(role)).first()
    )
    if workspace is None or workspace.role is None:
        raise NotFound(
            "There is no such workspace, or you are not a member of it.",
            hint="`lium workspaces list` shows yours.",
        )
    return Principal(user=user, workspace=workspace, role=workspace.role, session=True)


def api_key_for(principal: Principal, public_id: UUID) -> ApiKey:
    """Give a live key of the caller's, or of their workspace where they manage it.

    :raises NotFound: there is none that the caller may know of.
    """
    return _found(selectors.api_keys(principal).filter(public_id=public_id).first(), "API key")


def ssh_key_for(principal: Principal, public_id: UUID) -> SshKey:
    """Give an SSH key of the caller's workspace.

    :raises NotFound: there is none that the caller may know of.
    """
    return _found(selectors.ssh_keys(principal).filter(public_id=public_id).first(), "SSH key")


def membership_for(principal: Principal, workspace_id: UUID) -> Membership:
    """Give the caller's membership of a workspace; a key knows only its own workspace.

    :raises NotFound: there is none that the caller may know of.
    """
    rows = selectors.memberships(principal.user).filter(workspace__public_id=workspace_id)
    if principal.api_key is not None:
        rows = rows.filter(workspace=principal.workspace)
    return _found(rows.first(), "workspace")


def invitation_for(membership: Membership, public_id: UUID, *, now: datetime) -> Invitation:
    """Give an open invitation to a workspace that the member manages.

    :raises NotFound: there is none that they may know of.
    """
    waiting = selectors.open_invitations(membership.user, now=now)
    found = waiting.filter(workspace=membership.workspace, public_id=public_id).first()
    return _found(found, "open invitation")


def api_session_for(user: User, public_id: UUID) -> ApiSession:
    """Give an API session of the user's that is not ended.

    :raises NotFound: there is none.
    """
    mine = ApiSession.objects.filter(user=user, public_id=public_id, revoked_at=None)
    return _found(mine.first(), "session")


def role_of(**who: object) -> QuerySet[Membership, str]:
    """Give the role of a person in a workspace, as a subquery."""
    return Membership.objects.filter(**who).values_list("role", flat=True)[:1]


def _found(row: T | None, noun: str) -> T:
    if row is None:
        raise NotFound(f"There is no such {noun}, or it is not yours.")
    return row
