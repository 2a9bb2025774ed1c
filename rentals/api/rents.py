"""Renting: of a named node, or of the cheapest that fits a description."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from ninja import Header, Router

from accounts.auth import KeyOrSession, caller
from accounts.principal import Principal
from core import clock
from rentals import idempotency, limits, wire
from rentals.api.refusals import NotOffered
from rentals.api.schemas import rents as schemas
from rentals.idempotency import Answer, Work
from rentals.models import Pod
from rentals.services import budgets, renting, selection
from rentals.services.renting import RentRequest
from rentals.services.selection import SpecRentRequest

router = Router(tags=["rent"], auth=KeyOrSession())
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key")]
NOT_OFFERED: Final = {
    "dockerfile_content": "building an image from a Dockerfile",
    "build_context_sha256": "building an image from uploaded files",
    "volume_id": "network volumes",
    "backup_log_id": "restoring a backup",
}


@router.post("/executors/{uuid:node_id}/rent", response=schemas.RentOut)
def rent(
    request: HttpRequest,
    response: HttpResponse,
    node_id: UUID,
    payload: schemas.RentIn,
    idempotency_key: IdempotencyKey = "",
) -> dict[str, Any]:
    """Rent GPUs of a node. The pod is listed when this answers, and costs nothing until it is proven ready."""
    principal = caller(request)
    wish = RentRequest(
        node_id=node_id,
        gpu_count=payload.gpu_count,
        quote_id=payload.quote_id,
        **_common(payload),
    )

    def run(pod_id: UUID) -> dict[str, Any]:
        now = _admit(principal)
        pod = renting.rent(principal=principal, request=replace(wish, pod_id=pod_id), now=now)
        return wire.rented(pod)

    def find(pod_id: UUID) -> dict[str, Any] | None:
        pod = _pod_of(principal, pod_id)
        return wire.rented(pod) if pod else None

    return _once(request, idempotency_key, Work(run=run, find=find), response)


@router.post("/executors/rent-by-spec", response=schemas.RentBySpecOut)
def rent_by_spec(
    request: HttpRequest,
    response: HttpResponse,
    payload: schemas.RentBySpecIn,
    idempotency_key: IdempotencyKey = "",
) -> dict[str, Any]:
    """Rent the cheapest node that fits; where it is taken, the next. A dry run names it and rents nothing."""
    principal = caller(request)
    spec = payload.spec()
    wish = SpecRentRequest(**_common(payload))

    def select(pod_id: UUID | None) -> dict[str, Any]:
        now = _admit(principal)
        chosen = selection.rent_by_spec(
            principal=principal,
            spec=spec,
            request=replace(wish, pod_id=pod_id),
            dry_run=payload.dry_run,
            now=now,
        )
        return wire.selection(chosen)

    def find(pod_id: UUID) -> dict[str, Any] | None:
        pod = _pod_of(principal, pod_id)
        return wire.selected(pod) if pod else None

    if payload.dry_run:
        return select(None)
    return _once(request, idempotency_key, Work(run=select, find=find), response)


def _common(payload: schemas.RentalIn) -> dict[str, Any]:
    for field, what in NOT_OFFERED.items():
        if getattr(payload, field):
            instead = f"Leave {field} empty, and name a template."
            raise NotOffered(what, instead=instead, field=field)
    return {
        "name": payload.pod_name,
        "public_keys": tuple(payload.user_public_key),
        "template_id": payload.template_id,
        "port_count": payload.initial_port_count,
        "termination_hours": payload.termination_hours,
    }


def _admit(principal: Principal) -> datetime:
    """Count the try and check the key's budget; a repeated request comes here only once."""
    now = clock.now()
    limits.rent(principal.workspace)
    budgets.require(principal.api_key, now=now)
    return now


def _once(request: HttpRequest, key: str, work: Work, response: HttpResponse) -> dict[str, Any]:
    if not key:
        return work.run(uuid4())
    told = f"{request.method} {request.path}\n".encode() + request.body
    answer: Answer = idempotency.once(
        workspace=caller(request).workspace,
        key=key,
        fingerprint=sha256(told).hexdigest(),
        work=work,
        now=clock.now(),
    )
    if answer.replayed:
        for name, value in idempotency.REPLAYED.items():
            response[name] = value
    return answer.body


def _pod_of(principal: Principal, pod_id: UUID) -> Pod | None:
    pods = Pod.objects.filter(workspace=principal.workspace, public_id=pod_id)
    return pods.select_related("node", "template").first()
