"""Workspaces: read with a key or a session, changed by signed-in people."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from accounts import access, invitation_mail, selectors
from accounts.api import rows, schemas
from accounts.auth import KeyOrSession, SessionAuth, caller
from accounts.services import invitations, workspaces
from core import clock
from core.clock import iso

router = Router(tags=["workspaces"])


@router.get("/workspaces", response=list[schemas.WorkspaceOut], auth=KeyOrSession())
def listing(request: HttpRequest) -> list[dict[str, Any]]:
    """List the caller's workspaces; a key knows its own only."""
    principal = caller(request)
    memberships = selectors.memberships(principal.user)
    if principal.api_key is not None:
        memberships = memberships.filter(workspace=principal.workspace)
    return [rows.workspace(row.workspace, role=row.role) for row in memberships]


@router.post("/workspaces", response={201: schemas.WorkspaceOut}, auth=SessionAuth())
def create(request: HttpRequest, payload: schemas.WorkspaceIn) -> Status[dict[str, Any]]:
    """Make a workspace that the caller owns."""
    row = workspaces.create(principal=caller(request), name=payload.name, now=clock.now())
    return Status(201, rows.workspace(row.workspace, role=row.role))


@router.get("/workspaces/{uuid:workspace_id}", response=schemas.WorkspaceOut, auth=KeyOrSession())
def detail(request: HttpRequest, workspace_id: UUID) -> dict[str, Any]:
    """Give one workspace."""
    row = access.membership_for(caller(request), workspace_id)
    return rows.workspace(row.workspace, role=row.role)


@router.delete("/workspaces/{uuid:workspace_id}", response=schemas.MessageOut, auth=SessionAuth())
def close(request: HttpRequest, workspace_id: UUID) -> dict[str, str]:
    """Close an empty workspace for good."""
    principal = caller(request)
    row = access.membership_for(principal, workspace_id)
    workspaces.close(membership=row, principal=principal, now=clock.now())
    return {"message": f"The workspace {row.workspace.name} was closed."}


@router.get(
    "/workspaces/{uuid:workspace_id}/members",
    response=list[schemas.MemberOut],
    auth=KeyOrSession(),
)
def members(request: HttpRequest, workspace_id: UUID) -> list[dict[str, Any]]:
    """List the people of a workspace."""
    row = access.membership_for(caller(request), workspace_id)
    return [rows.member(person) for person in selectors.members(row.workspace_id)]


@router.delete(
    "/workspaces/{uuid:workspace_id}/members/{uuid:user_id}",
    response=schemas.MessageOut,
    auth=SessionAuth(),
)
def remove_member(request: HttpRequest, workspace_id: UUID, user_id: UUID) -> dict[str, str]:
    """Take a person out of a workspace, or leave it."""
    principal = caller(request)
    row = access.membership_for(principal, workspace_id)
    workspaces.remove_member(membership=row, principal=principal, user_id=user_id, now=clock.now())
    return {"message": "The member was removed; their keys to this workspace stopped working."}


@router.post(
    "/workspaces/{uuid:workspace_id}/invitations",
    response={201: schemas.InvitationOut},
    auth=SessionAuth(),
)
def invite(
    request: HttpRequest, workspace_id: UUID, payload: schemas.InvitationIn
) -> Status[dict[str, Any]]:
    """Invite a person by e-mail."""
    principal = caller(request)
    row = access.membership_for(principal, workspace_id)
    invitation, token = invitations.invite(
        membership=row,
        principal=principal,
        email=payload.email,
        role=payload.role,
        now=clock.now(),
    )
    sent = invitation_mail.send(invitation=invitation, token=token, sender=principal.user)
    return Status(201, {"email_sent": sent, "expires_at": iso(invitation.expires_at)})


@router.get(
    "/workspaces/{uuid:workspace_id}/invitations",
    response=list[schemas.OpenInvitationOut],
    auth=SessionAuth(),
)
def open_invitations(request: HttpRequest, workspace_id: UUID) -> list[dict[str, Any]]:
    """List the invitations that wait to be taken; for the owner and admins."""
    row = access.membership_for(caller(request), workspace_id)
    invitations.require_manager(row)
    waiting = selectors.open_invitations(row.user, now=clock.now()).filter(workspace=row.workspace)
    return [rows.invitation(invitation) for invitation in waiting]


@router.delete(
    "/workspaces/{uuid:workspace_id}/invitations/{uuid:invitation_id}",
    response=schemas.MessageOut,
    auth=SessionAuth(),
)
def withdraw_invitation(
    request: HttpRequest, workspace_id: UUID, invitation_id: UUID
) -> dict[str, str]:
    """Withdraw an invitation; its link stops working at once."""
    principal, now = caller(request), clock.now()
    row = access.membership_for(principal, workspace_id)
    invitation = access.invitation_for(row, invitation_id, now=now)
    invitations.withdraw(invitation=invitation, actor=principal.actor(), now=now)
    return {"message": f"The invitation of {invitation.email} was withdrawn."}


@router.post(
    "/workspaces/{uuid:workspace_id}/billing-owner/transfer",
    response=schemas.WorkspaceOut,
    auth=SessionAuth(),
)
def transfer_billing(
    request: HttpRequest, workspace_id: UUID, payload: schemas.TransferIn
) -> dict[str, Any]:
    """Let another member pay: at once for an admin, on their word for a plain member."""
    principal = caller(request)
    row = access.membership_for(principal, workspace_id)
    workspace = workspaces.transfer_billing(
        membership=row, principal=principal, user_id=payload.user_id, now=clock.now()
    )
    row.refresh_from_db(fields=["role"])
    return rows.workspace(workspace, role=row.role)


@router.post(
    "/workspaces/{uuid:workspace_id}/billing-owner/accept",
    response=schemas.WorkspaceOut,
    auth=SessionAuth(),
)
def accept_billing(request: HttpRequest, workspace_id: UUID) -> dict[str, Any]:
    """Take over the payment after the owner asked."""
    principal = caller(request)
    row = access.membership_for(principal, workspace_id)
    workspace = workspaces.accept_billing(membership=row, principal=principal, now=clock.now())
    row.refresh_from_db(fields=["role"])
    return rows.workspace(workspace, role=row.role)
