"""Reads of accounts, shaped for the API and the pages."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import (
    MANAGERS,
    ApiKey,
    ApiSession,
    AuditEvent,
    BudgetRefusal,
    Invitation,
    Membership,
    SshKey,
    User,
)
from accounts.principal import Principal
from core.actors import ActorKind
from core.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """Which events to read; ``cursor`` is the public id of the last one seen."""

    limit: int
    since: datetime | None = None
    until: datetime | None = None
    action: str = ""
    source: str = ""
    api_key_id: UUID | None = None
    resource_id: str = ""
    cursor: UUID | None = None


def api_keys(principal: Principal) -> QuerySet[ApiKey]:
    """List the live keys, newest first: all of the workspace for its owner and admins, else one's own."""
    keys = ApiKey.objects.filter(workspace=principal.workspace, revoked_at=None)
    mine = keys if principal.manages_workspace else keys.filter(user=principal.user)
    return mine.select_related("workspace", "user").order_by("-pk")


def ssh_keys(principal: Principal) -> QuerySet[SshKey]:
    """List the workspace's SSH keys, oldest first."""
    return SshKey.objects.filter(workspace=principal.workspace).order_by("pk")


def refusals(key: ApiKey, *, limit: int = 100) -> QuerySet[BudgetRefusal]:
    """List what a key's budget refused, newest first."""
    return key.refusals.order_by("-pk")[:limit]


def memberships(user: User) -> QuerySet[Membership]:
    """List a person's open workspaces with their role, the personal one first."""
    mine = Membership.objects.filter(user=user, workspace__closed_at=None)
    with_owners = mine.select_related("workspace__owner", "workspace__pending_owner")
    return with_owners.order_by("-workspace__is_personal", "workspace_id")


def members(workspace_pk: int) -> QuerySet[Membership]:
    """List the people of a workspace in the order they came."""
    rows = Membership.objects.filter(workspace_id=workspace_pk)
    return rows.select_related("user", "workspace").order_by("pk")


def open_invitations(user: User, *, now: datetime) -> QuerySet[Invitation]:
    """List the invitations that wait in the workspaces that a person manages, newest first."""
    managed = Membership.objects.filter(user=user, role__in=MANAGERS).values("workspace")
    waiting = Invitation.objects.open(now=now).filter(workspace__in=managed)
    return waiting.select_related("workspace", "invited_by").order_by("-pk")


def live_api_sessions(user: User, *, now: datetime) -> QuerySet[ApiSession]:
    """List a person's API sessions that still work, newest first."""
    alive = ApiSession.objects.filter(user=user, revoked_at=None, expires_at__gt=now)
    return alive.order_by("-pk")


def audit_events(principal: Principal, filters: AuditFilters) -> list[AuditEvent]:
    """Read the workspace's audit trail, newest first; one row past the limit tells that there is more."""
    chosen = Q(workspace=principal.workspace)
    if not principal.manages_workspace:
        chosen &= own_actions(principal.user)
    for lookup, value in {
        "created_at__gte": filters.since,
        "created_at__lte": filters.until,
        "action__startswith": filters.action,
        "source": filters.source,
        "resource_id": filters.resource_id,
    }.items():
        if value:
            chosen &= Q(**{lookup: value})
    if filters.api_key_id:
        chosen &= Q(actor_kind=ActorKind.API_KEY, actor_id=str(filters.api_key_id))
    if filters.cursor:
        chosen &= Q(pk__lt=_seen(principal, filters.cursor))
    return list(AuditEvent.objects.filter(chosen).order_by("-pk")[: filters.limit + 1])


def own_actions(user: User) -> Q:
    """Match what a person did, in person or through a key of theirs."""
    return Q(actor_kind=ActorKind.USER, actor_id=str(user.public_id)) | Q(
        actor_kind=ActorKind.API_KEY, actor_id__in=own_key_ids(user)
    )


def own_key_ids(user: User) -> list[str]:
    """List the public ids of all keys a person ever made, as the audit trail writes them."""
    return [str(key) for key in user.api_keys.values_list("public_id", flat=True)]


def _seen(principal: Principal, cursor: UUID) -> int:
    events = AuditEvent.objects.filter(workspace=principal.workspace, public_id=cursor)
    pk = events.values_list("pk", flat=True).first()
    if pk is None:
        raise Invalid("The cursor is of no event here.", hint="Start again without cursor.")
    return pk
