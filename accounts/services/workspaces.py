"""Teams: made, renamed never, closed when nothing is left in them; their owner pays."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts import hooks
from accounts.models import MANAGERS, Invitation, Membership, Role, User, Workspace
from accounts.principal import Principal
from accounts.services import audit
from core.errors import Conflict, Forbidden, Invalid, NotFound

MAX_OWNED = 20


def create(*, principal: Principal, name: str, now: datetime) -> Membership:
    """Make a workspace that the caller owns and pays for.

    :raises Invalid: the name will not do.
    :raises Conflict: the caller owns as many as one may.
    """
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise Invalid("A workspace needs a name of 1 to 100 printable characters.")
    if Workspace.objects.filter(owner=principal.user, closed_at=None).count() >= MAX_OWNED:
        raise Conflict(
            f"You own {MAX_OWNED} workspaces, the most one may.",
            hint="Close one that is not used.",
        )
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name, owner=principal.user, created_at=now)
        membership = Membership.objects.create(
            workspace=workspace, user=principal.user, role=Role.OWNER, created_at=now
        )
        _record("workspace.create", workspace, principal=principal, now=now)
    return membership


def close(*, membership: Membership, principal: Principal, now: datetime) -> None:
    """Close a workspace for good: its keys stop working, its records stay, its balance goes to its owner.

    :raises Forbidden: the caller does not own it.
    :raises Conflict: it is the personal one, or something is left in it.
    """
    with transaction.atomic():
        workspace = lock(membership)
        _require(membership.role == Role.OWNER, "close this workspace", "owner")
        if workspace.is_personal:
            raise Conflict("A personal workspace stays as long as its account.")
        if reasons := hooks.reasons_to_keep(workspace):
            raise Conflict(
                f"The workspace still has {', '.join(one.what for one in reasons)}.",
                hint=" ".join(one.remedy for one in reasons),
            )
        workspace.closed_at = now
        workspace.save(update_fields=["closed_at"])
        hooks.on_close(workspace, actor=principal.actor(), now=now)
        _record("workspace.delete", workspace, principal=principal, now=now)


def remove_member(
    *, membership: Membership, principal: Principal, user_id: UUID, now: datetime
) -> None:
    """Take a person out of a workspace; their keys to it stop working at once. Anyone may leave.

    Open invitations to them, and those that they made, end too: no way back is left behind.

    :raises NotFound: the person is no member.
    :raises Forbidden: the caller manages nobody here.
    :raises Conflict: the person owns the workspace.
    """
    with transaction.atomic():
        workspace = lock(membership)
        rows = Membership.objects.select_related("user").filter(workspace=workspace)
        leaver = rows.filter(user__public_id=user_id).first()
        if leaver is None:
            raise NotFound("This person is not a member of the workspace.")
        leaving = leaver.user_id == principal.user.pk
        _require(leaving or manages(membership), "remove members", "owner or an admin")
        if leaver.role == Role.OWNER:
            raise Conflict(
                "The owner cannot leave: somebody has to pay.",
                hint="Transfer the billing to another member first.",
            )
        if workspace.pending_owner_id == leaver.user_id:
            workspace.pending_owner = None
            workspace.save(update_fields=["pending_owner"])
        leaver.delete()
        theirs = Q(email=leaver.user.email) | Q(invited_by=leaver.user)
        Invitation.objects.open(now=now).filter(theirs, workspace=workspace).update(expires_at=now)
        _record(
            "workspace.member.remove", workspace, principal=principal, now=now, user=str(user_id)
        )


def transfer_billing(
    *, membership: Membership, principal: Principal, user_id: UUID, now: datetime
) -> Workspace:
    """Let another member pay: at once for an admin, on their word for a plain member.

    :raises Forbidden: the caller does not own the workspace.
    :raises NotFound: the other is no member.
    :raises Conflict: it is the personal workspace.
    """
    with transaction.atomic():
        workspace = lock(membership)
        _require(membership.role == Role.OWNER, "transfer the billing", "owner")
        if workspace.is_personal:
            raise Conflict("A personal workspace is paid by its own person.")
        heirs = Membership.objects.select_related("user").filter(workspace=workspace)
        heir = heirs.filter(user__public_id=user_id).first()
        if heir is None:
            raise NotFound("This person is not a member of the workspace.")
        if heir.role == Role.MEMBER:
            workspace.pending_owner = heir.user
            workspace.save(update_fields=["pending_owner"])
        else:
            _hand_over(workspace, to=heir.user)
        _record(
            "workspace.billing.transfer", workspace, principal=principal, now=now, user=str(user_id)
        )
    return workspace


def accept_billing(*, membership: Membership, principal: Principal, now: datetime) -> Workspace:
    """Become the one who pays, after the owner asked.

    :raises Conflict: nobody asked, or the owner changed their mind.
    """
    with transaction.atomic():
        workspace = lock(membership)
        if workspace.pending_owner_id != principal.user.pk:
            raise Conflict("Nobody asked you to pay for this workspace.")
        _hand_over(workspace, to=principal.user)
        _record("workspace.billing.accept", workspace, principal=principal, now=now)
    return workspace


def manages(membership: Membership) -> bool:
    """Say whether a membership may act on other members."""
    return membership.role in MANAGERS


def _hand_over(workspace: Workspace, *, to: User) -> None:
    members = Membership.objects.filter(workspace=workspace)
    members.filter(role=Role.OWNER).update(role=Role.ADMIN)
    members.filter(user=to).update(role=Role.OWNER)
    workspace.owner = to
    workspace.pending_owner = None
    workspace.save(update_fields=["owner", "pending_owner"])


def lock(membership: Membership) -> Workspace:
    """Lock a workspace for a change of its people, and read again what the caller may do there.

    :raises NotFound: it was closed, or the caller was removed.
    """
    rows = Workspace.objects.select_for_update(no_key=True).filter(closed_at=None)
    workspace = rows.filter(pk=membership.workspace_id).first()
    roles = Membership.objects.filter(pk=membership.pk).values_list("role", flat=True)
    role = roles.first()
    if workspace is None or role is None:
        raise NotFound("The workspace was closed, or you are not a member of it any more.")
    membership.role = role
    return workspace


def _require(allowed: bool, what: str, who: str) -> None:
    if not allowed:
        raise Forbidden(f"Only the {who} may {what}.", hint=f"Ask the {who} of the workspace.")


def _record(
    action: str, workspace: Workspace, *, principal: Principal, now: datetime, **result: object
) -> None:
    audit.record(
        action=action,
        actor=principal.actor(),
        workspace_id=workspace.pk,
        resource=("workspace", workspace.public_id),
        result={"name": workspace.name, **result},
        now=now,
    )
