"""What renters look for and do not find."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from core import clock
from core.errors import Forbidden, NotFound
from marketplace.access import node_for_provider
from marketplace.models import MachineRequest
from marketplace.portal.auth import PortalAuth, caller, provider
from marketplace.portal.schemas import nodes, queries
from marketplace.portal.schemas.common import Message
from marketplace.selectors import demand
from marketplace.services import requests

router = Router(tags=["demand"])


class NotVerified(Forbidden):
    """The caller has no machine that passed its checks."""

    code = "no_verified_machine"


@router.get(
    "/machine-requests",
    response=list[queries.RequestOut] | queries.RequestSumsOut,
    auth=PortalAuth(),
)
def machine_requests(request: HttpRequest) -> list[dict[str, Any]] | dict[str, Any]:
    """List what renters look for; in sum only for a provider without a verified machine."""
    if demand.has_verified_machine(provider(request)):
        return [_request(row) for row in demand.open_requests()[:500]]
    wanted = demand.demand()
    return {
        "tier": "aggregate",
        "open_requests": sum(row.open_requests for row in wanted),
        "by_gpu_class": [
            {"machine_name": row.machine_name, "open_requests": row.open_requests} for row in wanted
        ],
        "by_hourly_budget_band": [],
    }


@router.get("/machine-requests/{uuid:request_id}", response=queries.RequestOut, auth=PortalAuth())
def machine_request(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    """Give one request, to providers with a verified machine."""
    return _request(_readable(request, request_id))


@router.get(
    "/executors/{uuid:node_id}/machine-requests",
    response=list[queries.RequestOut],
    auth=PortalAuth(),
)
def machine_requests_for(request: HttpRequest, node_id: UUID) -> list[dict[str, Any]]:
    """List the open requests that a machine of the caller's could answer."""
    row = node_for_provider(caller(request), node_id)
    fitting = demand.open_requests([row.gpu_model]).filter(gpu_count__lte=row.gpu_count)
    return [_request(wish) for wish in fitting[:500]]


@router.post("/executors/{uuid:node_id}/machine-added", response=Message, auth=PortalAuth())
def machine_added(
    request: HttpRequest, node_id: UUID, payload: nodes.MachineAddedIn
) -> dict[str, str]:
    """Say which request a machine answers; who asked is told of it."""
    row = node_for_provider(caller(request), node_id)
    wish = _readable(request, _uuid(payload.machine_request_id))
    requests.answer(node=row, request=wish, actor=caller(request).actor(), now=clock.now())
    return {"message": "Who asked for it is told."}


def _readable(request: HttpRequest, request_id: UUID | None) -> MachineRequest:
    if not demand.has_verified_machine(provider(request)):
        raise NotVerified(
            "Single requests are shown once one of your machines passed its checks.",
            hint="`lium provider node add` adds one.",
        )
    known = MachineRequest.objects.filter(public_id=request_id) if request_id else None
    row = known.first() if known is not None else None
    if row is None:
        raise NotFound(
            "There is no such machine request.",
            hint="It may have been withdrawn, or have waited for too long.",
        )
    return row


def _request(row: MachineRequest) -> dict[str, Any]:
    return {
        "id": str(row.public_id),
        "machine_name": row.machine_name,
        "gpu_count": row.gpu_count,
        "achieved": row.answered_at is not None,
        "requested_at": clock.iso(row.requested_at),
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
