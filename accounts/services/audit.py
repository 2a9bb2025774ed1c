"""Writing down what was done, by whom and from where."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import AuditEvent
from core import request_context
from core.actors import Actor


def record(
    *,
    action: str,
    actor: Actor,
    now: datetime,
    workspace_id: int | None = None,
    resource: tuple[str, object] | None = None,
    reason: str = "",
    result: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append one event in the caller's transaction, with what is known of the request in hand.

    ``workspace_id`` is the primary key, ``resource`` is a type and an id, ``result`` what the reader needs to recognise it, e.g. its name.
    """
    request = request_context.current()
    resource_type, resource_id = resource or ("", "")
    return AuditEvent.objects.create(
        workspace_id=workspace_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:120],
        action=action,
        reason=reason[:500],
        source=request.source or "platform",
        ip=request.ip,
        user_agent=request.user_agent[:200],
        request_id=request.request_id,
        method=request.method,
        route=request.route[:200],
        resource_type=resource_type,
        resource_id=str(resource_id),
        summary={"result": dict(result)} if result else {},
        created_at=now,
    )
