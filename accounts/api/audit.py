"""The audit trail of the workspace, page by page."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from accounts import selectors
from accounts.api import rows, schemas
from accounts.api.schemas import Text
from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from accounts.selectors import AuditFilters
from core.moments import Moment

router = Router(tags=["accounts"], auth=KeyOrSession())


class AuditQuery(Schema):
    """Which events to read; ``cursor`` is the ``next_cursor`` of the page before."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100
    since: Moment | None = None
    until: Moment | None = None
    action: Text = ""
    source: Text = ""
    api_key_id: UUID | None = None
    resource_id: Text = ""
    cursor: UUID | None = None


@router.get("/account/audit", response=schemas.AuditOut)
def listing(request: HttpRequest, query: Query[AuditQuery]) -> dict[str, Any]:
    """List what was done in the workspace, newest first; plain members see what they did themselves."""
    principal = caller(request)
    principal.require(Scope.READ)
    events = selectors.audit_events(principal, AuditFilters(**query.dict()))
    page = events[: query.limit]
    own = {str(principal.user.public_id), *selectors.own_key_ids(principal.user)}
    return {
        "items": [rows.audit_event(event, own=event.actor_id in own) for event in page],
        "next_cursor": str(page[-1].public_id) if len(events) > len(page) else None,
    }
