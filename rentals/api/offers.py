"""What to know before a rent: the price, how long a start takes, which image to take."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from accounts.auth import KeyOrSession, OptionalKey, caller, caller_or_none
from accounts.models import Scope
from core import clock
from rentals import limits, wire
from rentals.api.schemas import offers as schemas
from rentals.services import quoting, starts

router = Router(tags=["rent"])


@router.get(
    "/executors/{uuid:node_id}/quote",
    response=schemas.QuoteOut,
    exclude_unset=True,
    auth=OptionalKey(),
)
def quote(request: HttpRequest, node_id: UUID, query: Query[schemas.QuoteQuery]) -> dict[str, Any]:
    """Price some GPUs of a node, line by line; for a signed-in caller the price is held for a while."""
    principal = caller_or_none(request)
    if principal:
        limits.quote(principal.workspace)
    quoted = quoting.quote(
        node_id=node_id,
        gpu_count=query.gpu_count,
        hours=query.hours,
        workspace=principal.workspace if principal else None,
        now=clock.now(),
    )
    return wire.quote(quoted)


@router.get("/executors/deployment-estimate", response=schemas.EstimateOut, auth=KeyOrSession())
def deployment_estimate(
    request: HttpRequest, executor_id: UUID, template_id: UUID | None = None
) -> dict[str, Any]:
    """Say how long a start on this node with this template usually takes."""
    principal = caller(request)
    principal.require(Scope.READ)
    estimate = starts.estimate(principal, node_id=executor_id, template_id=template_id)
    return wire.estimate(estimate)
