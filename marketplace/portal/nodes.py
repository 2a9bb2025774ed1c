"""Machines read and added: `/executors`; fixed words stand before ``/executors/{uuid}``."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Status

from accounts.principal import Principal
from core import clock
from core.errors import Conflict, NotFound
from marketplace import hooks
from marketplace.access import NodeNotFound, node_for_provider
from marketplace.models import Node, Provider
from marketplace.portal import wire
from marketplace.portal.auth import (
    OptionalAuth,
    PortalAuth,
    RegistrationAuth,
    caller,
    caller_or_none,
    provider,
    registration,
)
from marketplace.portal.schemas import accounts, nodes
from marketplace.portal.schemas.common import Message
from marketplace.services import onboarding, register_tokens, removing
from marketplace.services.onboarding import Claim

router = Router(tags=["machines"])


@router.get("/executors", response=nodes.NodesOut, auth=RegistrationAuth(), exclude_unset=True)
def listing(request: HttpRequest, asked: Query[nodes.PageIn]) -> dict[str, Any]:
    """List one provider's machines, or all on the market; addresses are told to their provider alone."""
    mine = provider(request)
    whose = _named(asked.miner_hotkey) if asked.miner_hotkey else None
    own = whose == mine
    rows = _of(whose, own=own) if whose or not asked.miner_hotkey else Node.objects.none()
    start = (asked.page - 1) * asked.limit
    page = rows.select_related("gpu_model", "provider").order_by("pk")
    found = list(page[start : start + asked.limit])
    seen = wire.view(found, own=own)
    data = [wire.node(row, seen) for row in found]
    return {"data": data, "total": rows.count(), "page": asked.page, "limit": asked.limit}


@router.post("/executors", response={201: nodes.AddedOut}, auth=RegistrationAuth())
def add(request: HttpRequest, payload: nodes.NodeIn) -> Status[dict[str, Any]]:
    """Add a machine: its host key is pinned at first contact, and it is listed once its checks pass."""
    mine, now = provider(request), clock.now()
    if not mine.opted_in:
        raise Conflict(
            "You opted out: this market may not reach your machines.",
            hint="`lium provider config opt-in` lets it.",
        )
    claim = _claim(payload)
    token = registration(request)
    if token:
        row = register_tokens.add_node(registration=token, provider=mine, claim=claim, now=now)
    else:
        actor = caller(request).actor()
        row = onboarding.add(provider=mine, claim=claim, actor=actor, now=now)
    words = (
        f"{row.huid} was added. It is reached as {row.ssh_user} with this market's key, checked now, and listed "
        "when all checks pass; `lium provider portal whoami` shows the line that installs the key."
    )
    return Status(201, {"message": words, "id": str(row.public_id)})


@router.post("/executors/register-token", response=accounts.RegisterTokenOut, auth=PortalAuth())
def register_token(request: HttpRequest) -> dict[str, Any]:
    """Make a token with which one machine can add itself within the hour."""
    token, expires_at = register_tokens.issue(
        principal=caller(request), provider=provider(request), now=clock.now()
    )
    return {"token": token, "expires_at": expires_at}


@router.post("/executors/sync-executor-central-miner", response=Message, auth=PortalAuth())
@router.post(
    "/executors/sync-executor-miner-portal",
    response=Message,
    auth=PortalAuth(),
    operation_id="sync_to",
)
def sync(request: HttpRequest) -> dict[str, str]:
    """Say that there is nothing to bring together: this market keeps one list of machines."""
    return {"message": "There is one list of machines here, so nothing is to be synced."}


@router.get(
    "/executors/{uuid:node_id}", response=nodes.NodeOut, auth=OptionalAuth(), exclude_unset=True
)
def detail(request: HttpRequest, node_id: UUID) -> dict[str, Any]:
    """Give a machine. Its id tells anybody how its checks go; all else of one that never was listed is private.

    The client watches a machine that it has just added without a credential.
    """
    row, own = _visible(caller_or_none(request), node_id)
    return wire.node(row, wire.view([row], own=own))


@router.delete("/executors/{uuid:node_id}", response=Message, auth=PortalAuth())
def remove(request: HttpRequest, node_id: UUID) -> dict[str, str]:
    """Take a machine without pods off the market; one that is rented needs a notice of removal."""
    row = node_for_provider(caller(request), node_id)
    removing.remove(node_id=row.pk, actor=caller(request).actor(), now=clock.now())
    return {"message": f"{row.huid} was taken off the market."}


@router.get("/executors/{uuid:node_id}/pods", response=list[nodes.PodOut], auth=PortalAuth())
def pods(request: HttpRequest, node_id: UUID) -> list[dict[str, Any]]:
    """List the pods on a machine of the caller's; who rents them is not told."""
    row = node_for_provider(caller(request), node_id)
    return [wire.pod(pod) for pod in hooks.pods_on([row.pk]).get(row.pk, ())]


def _claim(payload: nodes.NodeIn) -> Claim:
    return Claim(
        gpu_model=payload.gpu_type,
        gpu_count=payload.gpu_count,
        host=payload.ip_address.strip(),
        port=payload.port,
        price_per_gpu_usd=payload.price_per_gpu or None,
        listed_when_checked=True,
    )


def _visible(principal: Principal | None, node_id: UUID) -> tuple[Node, bool]:
    """Give a machine and whether it is the caller's."""
    if principal is not None:
        try:
            return node_for_provider(principal, node_id), True
        except NotFound:
            pass
    rows = Node.objects.filter(public_id=node_id, delisted_at=None, frozen_at=None)
    row = rows.select_related("gpu_model", "provider").first()
    if row is None:
        raise NodeNotFound("There is no such machine.", hint="Yours: `lium provider node list`.")
    return row, False


def _named(name: str) -> Provider | None:
    """Find a provider by hotkey or account id; each of a person's hotkeys means their provider."""
    linked = Provider.objects.filter(
        workspace__is_personal=True, workspace__owner__hotkeys__address=name
    )
    # A hotkey may have been unlinked since, and sign somebody else in: who holds it now comes first.
    known = Provider.objects.filter(Q(hotkey=name) | Q(public_id=_uuid(name)))
    return linked.first() or known.first()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _of(whose: Provider | None, *, own: bool) -> QuerySet[Node]:
    rows = Node.objects.filter(delisted_at=None)
    if whose is not None:
        rows = rows.filter(provider=whose)
    return rows if own else rows.filter(frozen_at=None, first_listed_at__isnull=False)
